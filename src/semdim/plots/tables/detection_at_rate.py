"""The monitor's rule beside every other score, at the false-alarm rate that the rule promises."""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.selections.score_rows import (
    chosen_level,
    is_two_sided,
    levels,
    main_level,
    score_words,
    uses_labels,
)
from semdim.plots.tabulate import Table
from semdim.results.read import ProbeResults

RULE = "the monitor’s rule on n_active"
COLUMNS = ("shift", "score", "unit", "false_alarms", "detected")


def detection_rows(probe: ProbeResults) -> pd.DataFrame:
    """Shift, score, unit, share of familiar and of unfamiliar units above the threshold: first the
    rule, then the scores from the one that detects most.

    Scores are read off their ROC curves at the last point with no more false alarms than the rule
    promises; curves are thinned, so that a little more may be possible.
    """
    curves = probe.table("roc")
    curves = curves[curves["level"] == main_level(probe)]
    curves = curves[~curves["score"].map(is_two_sided).astype(bool)]
    most = probe.guardrail["alarm"]["false_alarm_rate"]
    measured = probe.guardrail["measured"]
    rows: list[tuple[object, ...]] = []
    for shift, here in curves.groupby("shift", sort=False):
        if shift not in measured["detection"]:
            continue
        rule = measured["false_alarms"]["rate"], measured["detection"][shift]["rate"]
        rows.append((shift, RULE, "document", *rule))
        allowed = here[here["false_positive_rate"] <= most]
        in_order = allowed.sort_values(
            ["true_positive_rate", "false_positive_rate"], ascending=[False, True], kind="stable"
        )
        best = in_order.drop_duplicates("score")
        for _, row in best.iterrows():
            found = row["false_positive_rate"], row["true_positive_rate"]
            rows.append((shift, row["score"], "sequence", *found))
    return pd.DataFrame(rows, columns=[*COLUMNS])


def detection_at_rate(probes: list[ProbeResults]) -> Table:
    """A block of rows for each probe and shift, `detection_rows` in words."""
    parts, rows, rates = [], [], set()
    for probe in probes:
        if not probe.guardrail or probe.table("roc").empty:
            continue
        found = detection_rows(probe)
        parts.append(found.assign(probe=probe.name))
        rates.add(f"{probe.guardrail['alarm']['false_alarm_rate']:.0%}".replace("%", " %"))
        for _, row in found.iterrows():
            score, is_rule = str(row["score"]), row["score"] == RULE
            level = "" if is_rule else chosen_level(probe, score)
            label = " (needs the label)" if not is_rule and uses_labels(probe, score) else ""
            rows.append(
                [
                    probe.name,
                    str(row["shift"]),
                    score if is_rule else score_words(score) + label,
                    "any look at a document" if is_rule else levels().get(level, level),
                    f"{row['false_alarms']:.1%}".replace("%", " %"),
                    f"{row['detected']:.1%}".replace("%", " %"),
                ]
            )
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return Table(
        "detection_at_rate",
        f"Detected at {' and '.join(sorted(rates)) or 'one rate'} false alarms",
        ["probe", "text", "rule or score", "judged by", "false alarms", "detected"],
        rows,
        data[["probe", *COLUMNS]] if len(data) else data,
        note="The rule’s threshold was calibrated on other documents, as a user’s would be; its "
        "row counts documents, with several looks at each. A score’s threshold is taken from "
        "the familiar sequences that are counted here, so its row shows the best that it "
        "could do; it counts sequences. A score with small values on unfamiliar text detects "
        "little, because each is read in the direction of its theory.",
    )


add_table(TableSpec(name="detection_at_rate", section="ood", position=62, make=detection_at_rate))
