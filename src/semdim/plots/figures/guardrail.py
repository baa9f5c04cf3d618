"""The guardrail: an alarm on the number of active atoms, what it promises and what it catches."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, PercentFormatter, ScalarFormatter

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.style import MUTED, corpus_colours, house_style, legend_below, panels
from semdim.results.read import ProbeResults


def guardrail_rates(probe: ProbeResults) -> pd.DataFrame:
    """One row per rule and corpus: rule, corpus, rate, low, high (shares of sequences).

    Rules: `max` and `window` (calibrated), `fixed` (the paper's k > 500).
    """
    facts = probe.guardrail
    id_corpus = next(
        (name for name in probe.corpora if probe.role(name) == "id"), "in-distribution"
    )
    rows: list[dict[str, Any]] = []
    for rule, alarm in (("max", facts), ("window", facts.get("window") or {})):
        for corpus, rates in [
            (id_corpus, alarm.get("false_alarms")),
            *dict(alarm.get("detection") or {}).items(),
        ]:
            if isinstance(rates, dict) and rates.get("rate") is not None:
                entry = {key: rates.get(key) for key in ("rate", "low", "high")}
                rows.append({"rule": rule, "corpus": corpus, **entry})
    for row in (facts.get("fixed_rule") or {}).get("corpora", []):
        if row.get("positions") == "without_bos":
            rows.append({"rule": "fixed", "corpus": row["corpus"], "rate": row["sequence_rate"]})
    return pd.DataFrame(rows, columns=["rule", "corpus", "rate", "low", "high"])


RULE_MARKS = {"max": ("o", "#AA3377"), "window": ("s", "#4477AA"), "fixed": ("D", "#444444")}


def rule_words(probe: ProbeResults, rule: str) -> str:
    """A guardrail's rule, short enough for a legend."""
    facts = probe.guardrail
    window = facts.get("window") or {}
    fixed = facts.get("fixed_rule") or {}
    return {
        "max": "any token above the calibrated threshold",
        "window": f"mean of any {window.get('length', '')} tokens above its threshold",
        "fixed": f"any token with {fixed.get('rule', 'n_active > 500')} (the paper's rule)",
    }[rule]


def _rates_panel(axes: Axes, probe: ProbeResults) -> None:
    rates = guardrail_rates(probe)
    corpora = list(dict.fromkeys(rates["corpus"]))
    rules = [rule for rule in RULE_MARKS if rule in set(rates["rule"])]
    for i, corpus in enumerate(corpora):
        for j, rule in enumerate(rules):
            part = rates[(rates["corpus"] == corpus) & (rates["rule"] == rule)]
            if part.empty:
                continue
            marker, colour = RULE_MARKS[rule]
            y = -i - 0.24 * (j - (len(rules) - 1) / 2)
            entry = part.iloc[0]
            rate = float(entry["rate"])
            if pd.notna(entry["low"]) and pd.notna(entry["high"]):
                axes.hlines(y, float(entry["low"]), float(entry["high"]), color=colour, lw=2)
            axes.plot([rate], [y], marker, color=colour, ms=6, clip_on=False, zorder=5)
            axes.annotate(
                f"{rate:.1%}",
                (max(rate, float(entry["high"]) if pd.notna(entry["high"]) else rate), y),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                color=colour,
                annotation_clip=False,
            )
    promised = probe.guardrail.get("false_alarm_rate")
    if promised is not None:
        axes.axvline(float(promised), color=MUTED, linestyle=(0, (6, 3)), linewidth=1.2)
    labels = [
        f"{name}\n({'false alarms' if probe.role(name) == 'id' else 'detected'})"
        for name in corpora
    ]
    axes.set_yticks([-i for i in range(len(corpora))], labels)
    axes.set_ylim(-len(corpora) + 0.45, 0.55)
    axes.set_xlim(0.0, 1.0)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("share of sequences that raise the alarm")
    axes.set_title(probe.name)


def _distribution_panel(axes: Axes, probe: ProbeResults) -> None:
    rows = probe.table("sequence_histogram")
    colours = corpus_colours(probe.roles)
    for corpus, part in rows.groupby("corpus", sort=False):
        part = part.sort_values("left")
        total = max(float(part["count"].sum()), 1.0)
        edges = np.append(part["left"].to_numpy(float), float(part["right"].iloc[-1]))
        share = (part["count"] / total).to_numpy(dtype=float)
        colour = colours.get(str(corpus), MUTED)
        axes.stairs(share, edges, color=colour, linewidth=1.5)
    threshold = probe.guardrail.get("threshold")
    if threshold is not None:
        axes.axvline(float(threshold), color=RULE_MARKS["max"][1], linewidth=1.6)
        axes.annotate(
            f"threshold {float(threshold):.4g}",
            (float(threshold), 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(4, -2),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=RULE_MARKS["max"][1],
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("largest n_active of a sequence (log)")
    axes.set_ylabel("share of sequences")
    axes.set_ylim(bottom=0)
    axes.set_title("distribution")


@house_style
def guardrail(probes: list[ProbeResults]) -> Figure:
    """False alarms and detections of the guardrail, with intervals; the promised rate dashed.

    Where the distribution of the sequences' largest n_active was written, it stands beside.
    """
    drawable = [probe for probe in probes if len(guardrail_rates(probe))]
    wide = any(len(probe.table("sequence_histogram")) for probe in drawable)
    longest = max(guardrail_rates(probe)["corpus"].nunique() for probe in drawable)
    figure, axes = panels(len(drawable), 2 if wide else 1, height=max(2.6, 1.0 + 0.62 * longest))
    for row, probe in zip(axes, drawable, strict=True):
        _rates_panel(row[0], probe)
        if wide and len(probe.table("sequence_histogram")):
            _distribution_panel(row[1], probe)
        elif wide:
            row[1].set_axis_off()
    rules = [rule for rule in RULE_MARKS if rule in set(guardrail_rates(drawable[0])["rule"])]
    handles: list = [
        Line2D([], [], linestyle="none", marker=RULE_MARKS[rule][0], color=RULE_MARKS[rule][1])
        for rule in rules
    ]
    handles.append(Line2D([], [], color=MUTED, linestyle=(0, (6, 3)), linewidth=1.2))
    words = [rule_words(drawable[0], rule) for rule in rules] + ["promised false-alarm rate"]
    if wide:
        roles = {corpus: role for probe in drawable for corpus, role in probe.roles.items()}
        handles += [Line2D([], [], color=colour) for colour in corpus_colours(roles).values()]
        words += [f"{corpus} ({role})" for corpus, role in roles.items()]
    legend_below(figure, handles, words, 2)
    return figure


add_figure(
    FigureSpec(
        name="guardrail",
        title="The guardrail: what it promises and what it catches",
        section="ood",
        position=60,
        caption=(
            "Dots are shares of sequences that raise the alarm, bars their intervals over "
            "documents; the dashed line is the promised rate of false alarms."
        ),
        draw=guardrail,
        has=lambda probe: len(guardrail_rates(probe)) > 0,
        how="the stage measure_uncertainty, which writes guardrail.json",
    )
)
