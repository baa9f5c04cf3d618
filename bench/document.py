"""docs/performance.md: its numbers and its figure, from the JSON of the runs that were measured."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import back_ends, features
from bench.figure import draw, in_order, microsecond_digits, steps_in_order, subject_of
from bench.marks import around, write_between
from semdim.errors import ArtifactError
from semdim.plots.style import save

PAGE = Path("docs/performance.md")
BEGIN, END = "<!-- measured: begin (python -m bench --document) -->", "<!-- measured: end -->"
_NAMES = {
    "plain": "plain procedure",
    "saelens": "SAELens `run_evals`",
    "transformers": "**semdim**",
    "semdim": "semdim on `transformer_lens`",
    "unstored": "semdim on `transformer_lens`, activations not stored",
    "memory": "semdim on `transformer_lens`, in memory (`semdim.measure`)",
}

_LIMITED = ("transformers", "semdim", "memory")


def document(folder: Path, page: Path = PAGE) -> Path:
    """Write what was measured between the two marks of the page, and draw its figures.

    Args:
        folder: holds a JSON file for each run; the figures go there, too.
        page: has the marks.

    Raises:
        ArtifactError: nothing was measured, or the page lacks the marks.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ArtifactError(f"{folder} holds no results; measure some with `python -m bench`.")
    around(page, BEGIN, END)  # before anything is drawn
    sections = []
    for path in paths:
        result = json.loads(path.read_text(encoding="utf-8"))
        figure = None
        if "speed" in result:
            figure = save(draw(result), folder, path.stem)[0].relative_to(page.parent).as_posix()
        sections.append("\n".join(section(result, figure)))
    write_between(page, BEGIN, END, *sections)
    return page


def section(result: dict[str, Any], figure: str | None) -> Iterator[str]:
    """The lines about one run."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    yield f"### {subject_of(result)} on {machine['device']}"
    yield ""
    # On a GPU the processor matters, too: it launches, hashes and writes.
    processor = f"{machine['processor']}, " if machine.get("device_kind") == "cuda" else ""
    used = f"; {features.told(machine['features'])}" if "features" in machine else ""
    threads = f"{machine['n_threads']} threads of {machine['n_cores']} cores"
    yield f"{processor}{threads}{used}; {versions}."
    if "speed" in result:
        yield from _speed(result["speed"], subject_of(result), figure)
    if "back_ends" in result:
        yield from back_ends.section(result["back_ends"])
    for part in ("memory", "memory_large"):
        if part in result:
            yield from _memory(result[part])
    if "cached" in result:
        yield from _cached(result["cached"])


def three(values: dict[str, float], digits: int) -> str:
    """Minimum – median – maximum."""
    return " – ".join(f"{values[name]:,.{digits}f}" for name in ("min", "median", "max"))


def _speed(speed: dict[str, Any], subject: str, figure: str | None) -> Iterator[str]:
    rates = "; ".join(
        f"{three(rate, 0)} GFLOP/s in {dtype}" for dtype, rate in speed["gflop_per_second"].items()
    )
    yield (
        f"Sequences of {speed['context']} tokens, {speed['batch_sequences']} in a batch; "
        f"{speed['n_rounds']} rounds. All figures: smallest – median – largest."
    )
    yield ""
    if figure is not None:
        yield f"![Speed of {subject}]({figure})"
        yield ""
    yield "| | tokens/s | times the plain procedure | fraction of the arithmetic limit |"
    yield "|---|---|---|---|"
    for name, entry in in_order(speed["contenders"]).items():
        kind, dtype = name.split(" ", 1)
        limit = entry.get("fraction_of_limit") if kind in _LIMITED else None
        yield (
            f"| {_NAMES[kind]}, {dtype} | {three(entry['tokens_per_second'], 0)} | "
            f"{three(entry['ratio_to_plain'], 2)} | {three(limit, 2) if limit else ''} |"
        )
    yield ""
    yield (
        f"From a token to its row in the ledger, the proxies `model` and `sae` take "
        f"{speed['flop_per_token'] / 1e9:.3g} GFLOP. Matrix products of these shapes run at "
        f"{rates}. With nothing but these products, semdim would be {_headroom(speed)} times as "
        f"fast as the plain procedure (medians).{_left(speed)}"
    )
    yield ""
    yield from _device_peaks(speed)
    digits = microsecond_digits(speed)
    yield "| microseconds per token | " + " | ".join(map(_short, _stepped(speed))) + " |"
    yield "|---|" + "---|" * len(_stepped(speed))
    steps = {step for entry in _stepped(speed).values() for step in entry["microseconds_per_token"]}
    for step in steps_in_order(steps):
        cells = [
            three(entry["microseconds_per_token"][step], digits)
            if step in entry["microseconds_per_token"]
            else ""
            for entry in _stepped(speed).values()
        ]
        yield f"| {step} | {' | '.join(cells)} |"
    yield ""
    yield "| difference from the plain procedure, bits | mean | mean absolute | largest |"
    yield "|---|---|---|---|"
    for name, entry in in_order(speed["contenders"]).items():
        for proxy, gap in entry.get("bits_from_plain", {}).items():
            yield (
                f"| {_short(name)}, `{proxy}` | {gap['mean']:+.2g} | {gap['mean_absolute']:.2g} | "
                f"{gap['max_absolute']:.2g} |"
            )
    yield ""


def _device_peaks(speed: dict[str, Any]) -> Iterator[str]:
    peaks = {
        name: entry["device_peak_bytes"]
        for name, entry in in_order(speed["contenders"]).items()
        if "device_peak_bytes" in entry
    }
    if peaks:
        shown = ", ".join(f"{_short(name)} {peak / 1e9:.1f} GB" for name, peak in peaks.items())
        yield f"Peak memory on the device, including the model: {shown}."
        yield ""


def _headroom(speed: dict[str, Any]) -> str:
    """What the arithmetic limit is, as a multiple of the plain procedure's speed."""
    limits = {
        name.split(" ", 1)[1]: entry["ratio_to_plain"]["median"]
        / entry["fraction_of_limit"]["median"]
        for name, entry in in_order(speed["contenders"]).items()
        if name.startswith("semdim ")
    }
    return ", ".join(f"{limit:.1f} ({dtype})" for dtype, limit in limits.items())


def _left(speed: dict[str, Any]) -> str:
    """What a token takes in float32, and what of it the products alone would."""
    kind = next((k for k in _LIMITED if f"{k} float32" in _stepped(speed)), None)
    if kind is None:
        return ""
    steps = _stepped(speed)[f"{kind} float32"]["microseconds_per_token"].values()
    taken = sum(step["median"] for step in steps)
    alone = speed["flop_per_token"] / speed["gflop_per_second"]["float32"]["median"] / 1e3
    digits = microsecond_digits(speed)
    return (
        f" In float32 a token takes {taken:,.{digits}f} microseconds, of which the products alone "
        f"would take {alone:,.{digits}f}."
    )


def _short(name: str) -> str:
    """A contender's name in a table: its back end, where that is what it is known by."""
    kind, dtype = name.split(" ", 1)
    return f"{'transformer_lens' if kind == 'semdim' else kind} {dtype}"


def _stepped(speed: dict[str, Any]) -> dict[str, Any]:
    return {
        name: entry
        for name, entry in in_order(speed["contenders"]).items()
        if "microseconds_per_token" in entry
    }


def _memory(memory: dict[str, Any]) -> Iterator[str]:
    device = any("device_peak_bytes" in row for row in memory["sizes"])
    yield (
        f"Peak memory from tokens to the ledger, {subject_of(memory)} in {memory['dtype']}, each "
        "size in its own process:"
    )
    yield ""
    yield "| N, tokens | peak | before the first token |" + (" on the device |" * device)
    yield "|---|---|---|" + ("---|" * device)
    for row in memory["sizes"]:
        line = (
            f"| {row['n_tokens']:,} | {row['peak_bytes'] / 1e6:,.0f} MB | "
            f"{row['peak_bytes_when_loaded'] / 1e6:,.0f} MB |"
        )
        yield line + (f" {row['device_peak_bytes'] / 1e6:,.0f} MB |" if device else "")
    yield ""
    if "ratio_of_last_two" in memory:
        yield f"Ratio of the last size to the one before: {memory['ratio_of_last_two']:.3f}."
        yield ""


def _cached(cached: dict[str, Any]) -> Iterator[str]:
    yield (
        f"From the cached losses of {cached['n_tokens']:,} tokens, for all bound families, one "
        f"more N takes {three(cached['extra_n_milliseconds'], 1)} ms, one more k "
        f"{three(cached['extra_k_milliseconds'], 1)} ms, and a single sweep point "
        f"{three(cached['point_milliseconds'], 0)} ms."
    )
    yield ""
