"""The figure of a run: who reads how many tokens in a second, and where semdim's time goes."""

from collections.abc import Iterable
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from semdim.plots.style import INK, MODEL_COLOURS, MUTED, house_style, legend_below, panels

_LABELS = {
    "plain": "plain procedure",
    "saelens": "SAELens run_evals",
    "transformers": "semdim",
    "semdim": "semdim, TransformerLens",
    "unstored": "semdim, not stored",
    "memory": "semdim, in memory",
}

LIMITED = ("transformers", "semdim")
"""Contenders at which the arithmetic limit is drawn."""


def in_order(contenders: dict[str, Any]) -> dict[str, Any]:
    """By kind as in the labels, float32 first: JSON files are sorted by name."""
    kinds = list(_LABELS)
    names = sorted(
        contenders, key=lambda name: (kinds.index(name.split()[0]), name.endswith("bfloat16"))
    )
    return {name: contenders[name] for name in names}


def steps_in_order(steps: Iterable[str]) -> list[str]:
    """The steps from tokens to the ledger, first things first."""
    losses = sorted(step for step in steps if step.startswith("losses"))
    return ["prefix", "encode", *losses, "ledger"]


def subject_of(result: dict[str, Any]) -> str:
    """What was measured; older results call it a model."""
    return str(result.get("probe") or result["model"])


def microsecond_digits(speed: dict[str, Any]) -> int:
    """Decimals with which steps are worth showing: a GPU makes many tokens in a millisecond."""
    totals = [
        sum(step["median"] for step in entry["microseconds_per_token"].values())
        for entry in speed["contenders"].values()
        if "microseconds_per_token" in entry
    ]
    return 0 if min(totals) >= 100 else 1 if min(totals) >= 20 else 2


@house_style
def draw(result: dict[str, Any]) -> Figure:
    """Two panels, from what `bench.speed.summarise` returned under ``result["speed"]``."""
    speed = result["speed"]
    figure, ((left,), (right,)) = panels(2, height=2.3)
    _steps(right, speed, _speeds(left, speed))
    machine = result["machine"]
    threads = "" if machine.get("device_kind") == "cuda" else f", {machine['n_threads']} threads"
    left.set_title(f"{subject_of(result)}\n{machine['device']}{threads}")
    return figure


def _label(name: str) -> str:
    kind, dtype = name.split(" ", 1)
    return f"{_LABELS[kind]}, {dtype}"


def _limit(entry: dict[str, Any]) -> float:
    """Tokens per second at the arithmetic limit; 0 where it is not known."""
    if "fraction_of_limit" not in entry:
        return 0.0
    return float(entry["tokens_per_second"]["median"] / entry["fraction_of_limit"]["median"])


def _speeds(axes: Any, speed: dict[str, Any]) -> Any:
    """Draw the bars; returns the mark of an arithmetic limit, or None where none is known."""
    entries = list(in_order(speed["contenders"]).items())[::-1]
    furthest, mark = 0.0, None
    widest = max(_limit(entry) or entry["tokens_per_second"]["max"] for _, entry in entries)
    for row, (name, entry) in enumerate(entries):
        values, is_own = entry["tokens_per_second"], not name.startswith(("plain", "saelens"))
        median = values["median"]
        axes.barh(row, median, height=0.62, color=MODEL_COLOURS[0] if is_own else "#BBBBBB")
        axes.hlines(row, values["min"], values["max"], color=INK, linewidth=1.2)
        note = f"{median:,.0f}"
        if not name.startswith("plain"):
            note += f"  ({entry['ratio_to_plain']['median']:.1f}×)"
        end = values["max"]
        if name.split()[0] in LIMITED and "fraction_of_limit" in entry:
            limit = _limit(entry)
            mark = axes.vlines(limit, row - 0.4, row + 0.4, color=MODEL_COLOURS[1], linewidth=1.6)
            furthest = max(furthest, limit)
            if limit - end < 0.35 * widest:  # no room for the note before it
                end = max(end, limit)
        furthest = max(furthest, end)
        axes.annotate(note, (end, row), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(entries)), [_label(name) for name, _ in entries])
    axes.set_ylim(-0.6, len(entries) - 0.2)
    axes.set_xlim(0, 1.3 * furthest)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("tokens per second, tokens → losses of model and sae")
    return mark


def _steps(axes: Any, speed: dict[str, Any], mark: Any) -> None:
    entries = [
        (name, entry["microseconds_per_token"])
        for name, entry in in_order(speed["contenders"]).items()
        if "microseconds_per_token" in entry
    ][::-1]
    steps = list(dict.fromkeys(step for _, of_entry in entries for step in of_entry))
    order, digits = steps_in_order(steps), microsecond_digits(speed)
    shades = ("#004488", "#BB5566", "#997700", "#DDAA33", "#EECC77", "#999999", "#CCCCCC")
    for row, (_, of_entry) in enumerate(entries):
        at = 0.0
        for step, colour in zip(order, shades, strict=False):
            if step in of_entry:
                width = of_entry[step]["median"]
                label = step if step not in axes.get_legend_handles_labels()[1] else None
                axes.barh(row, width, left=at, height=0.62, color=colour, label=label)
                at += width
        axes.annotate(
            f"{at:,.{digits}f}", (at, row), xytext=(4, 0), textcoords="offset points", va="center",
            color=MUTED,
        )  # fmt: skip
    axes.set_yticks(range(len(entries)), [_label(name) for name, _ in entries])
    axes.margins(x=0.08)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("microseconds per token, by step")
    handles, labels = axes.get_legend_handles_labels()
    ranked = sorted(zip(labels, handles, strict=True), key=lambda pair: order.index(pair[0]))
    if mark is not None:
        ranked.append(("arithmetic limit (above)", mark))
    legend_below(
        axes.figure, [handle for _, handle in ranked], [label for label, _ in ranked], columns=3
    )
