"""The guardrail: an alarm on the number of active atoms, what it promises and what it catches."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.style import MUTED, corpus_colours, count_axis, house_style, legend_below, panels
from semdim.results.guardrail import guardrail_of
from semdim.results.read import ProbeResults
from semdim.uncertainty.alarm_words import statistic_in_words


def guardrail_rates(probe: ProbeResults) -> pd.DataFrame:
    """One row per rule and corpus: shares of documents that raise an alarm.

    Columns rule, corpus, rate, low, high (interval), smallest, largest (over fresh splits). Rules:
    `average` and `confident` (the two thresholds that were calibrated), `fixed` (k > 500).
    """
    facts = guardrail_of(probe)
    columns = ["rule", "corpus", "rate", "low", "high", "smallest", "largest"]
    if facts is None:
        return pd.DataFrame(columns=columns)
    familiar = next((name for name in probe.corpora if probe.role(name) == "id"), "in-distribution")
    spread = facts.stability
    rows: list[dict[str, Any]] = []
    for rule, measured, false_alarms, detection in (
        ("average", facts.measured, spread.false_alarm_rate, spread.detection),
        ("confident", facts.measured_with_confidence, spread.false_alarm_rate_with_confidence, {}),
    ):
        if measured is None:
            continue
        splits = {familiar: false_alarms, **detection}
        for corpus, rates in {familiar: measured.false_alarms, **measured.detection}.items():
            row: dict[str, Any] = {"rule": rule, "corpus": corpus}
            row |= {"rate": rates.rate, "low": rates.low, "high": rates.high}
            own = splits.get(corpus)
            rows.append(row if own is None else row | {"smallest": own.min, "largest": own.max})
    rows += [
        {"rule": "fixed", "corpus": row.corpus, "rate": row.document_rate}
        for row in facts.fixed_rule.corpora
        if row.positions == "without_bos"
    ]
    return pd.DataFrame(rows, columns=columns)


TITLE_PAD = 16.0
"""Points below a title: room for the thresholds, which stand above the histograms."""
WIDE_RANGE = 30.0
"""Above this ratio of its ends the axis of the statistic is logarithmic."""
RULE_MARKS = {"average": ("o", "#AA3377"), "confident": ("s", "#4477AA"), "fixed": ("D", "#444444")}


def rule_words(probe: ProbeResults, rule: str) -> str:
    """A guardrail's rule, short enough for a legend."""
    facts = guardrail_of(probe)
    assert facts is not None
    alarm = facts.alarm
    name = statistic_in_words(alarm.at_end.statistic, alarm.moving_length)
    return {
        "average": f"{name} of n_active, promise on average over calibrations",
        "confident": f"{name} of n_active, promise with confidence {alarm.confidence:g}",
        "fixed": f"any token with {facts.fixed_rule.rule} (the paper's rule)",
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
            y = -i - 0.29 * (j - (len(rules) - 1) / 2)
            entry = part.iloc[0]
            rate = float(entry["rate"])
            if pd.notna(entry["smallest"]):
                ends = float(entry["smallest"]), float(entry["largest"])
                axes.hlines(y, *ends, color=colour, lw=6, alpha=0.22)
            if pd.notna(entry["low"]) and pd.notna(entry["high"]):
                axes.hlines(y, float(entry["low"]), float(entry["high"]), color=colour, lw=2)
            axes.plot([rate], [y], marker, color=colour, ms=6, clip_on=False, zorder=5)
            # In a column of their own, a line for each: beside the marks they would collide.
            axes.text(
                1.06,
                y,
                f"{rate:.1%}".replace("%", " %"),
                transform=axes.get_yaxis_transform(),
                va="center",
                fontsize=8,
                color=colour,
            )
    facts = guardrail_of(probe)
    if facts is not None:
        axes.axvline(
            facts.alarm.false_alarm_rate, color=MUTED, linestyle=(0, (6, 3)), linewidth=1.2
        )
    labels = [
        f"{name}\n({'false alarms' if probe.role(name) == 'id' else 'detected'})"
        for name in corpora
    ]
    axes.set_yticks([-i for i in range(len(corpora))], labels)
    axes.set_ylim(-len(corpora) + 0.45, 0.55)
    axes.set_xlim(0.0, 1.0)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.set_xlabel("share of documents that raise the alarm")
    axes.set_title(probe.name, pad=TITLE_PAD)


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
    facts = guardrail_of(probe)
    assert facts is not None
    limit = facts.alarm.at_end
    for rule, threshold in (
        ("average", limit.threshold),
        ("confident", limit.threshold_with_confidence),
    ):
        if threshold is None:
            continue
        colour = RULE_MARKS[rule][1]
        axes.axvline(threshold, color=colour, linewidth=1.6)
        axes.annotate(
            f"{threshold:.1f}",
            (threshold, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-2, 1) if rule == "confident" else (2, 1),
            ha="left" if rule == "confident" else "right",
            textcoords="offset points",
            va="bottom",
            fontsize=8,
            color=colour,
        )
    name = statistic_in_words(limit.statistic, facts.alarm.moving_length)
    low, high = axes.get_xlim()
    if low <= 0.0 or high > WIDE_RANGE * low:
        count_axis(axes, f"{name} of k in a sequence\n(active atoms, log scale)")
    else:  # within a decade or so a logarithmic axis has no tick to read
        axes.set_xlabel(f"{name} of k in a sequence\n(active atoms)")
    axes.set_ylabel("share of sequences")
    axes.set_ylim(bottom=0)
    axes.set_title("sequences, at their end", pad=TITLE_PAD)


@house_style
def guardrail(probes: list[ProbeResults]) -> Figure:
    """False alarms and detections of the guardrail, with intervals; the promised rate dashed.

    Where the distribution of the statistic over sequences was written, it stands beside.
    """
    drawable = [probe for probe in probes if len(guardrail_rates(probe))]
    wide = any(len(probe.table("sequence_histogram")) for probe in drawable)
    longest = max(guardrail_rates(probe)["corpus"].nunique() for probe in drawable)
    figure, axes = panels(
        len(drawable), 2 if wide else 1, height=max(2.6, 1.0 + 0.62 * longest), legend_rows=4
    )
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
    legend_below(figure, handles, words, 2 if wide else 1)
    return figure


add_figure(
    FigureSpec(
        name="guardrail",
        title="The guardrail: what it promises and what it catches",
        section="ood",
        position=60,
        caption=(
            "Dots are shares of documents that raise the alarm in any of the sequences that the "
            "promise covers. Lines are intervals over documents; pale bars range from the "
            "smallest to the largest share over fresh splits of the familiar documents. The "
            "dashed line is the promised false-alarm rate."
        ),
        draw=guardrail,
        has=lambda probe: len(guardrail_rates(probe)) > 0,
        how="the stage measure_uncertainty, which writes guardrail.json",
    )
)
