"""What is certified on each source of the text, where the sample is a mixture of several."""

from markupsafe import Markup

from semdim.plots.selections.source_rows import source_rows
from semdim.report.sentences import reading
from semdim.report.wording import confidence, join, num, say
from semdim.results.read import ProbeResults

BOUNDS = "bounds.csv"


@reading("by_source", section="certified", position=15)
def by_source(probes: list[ProbeResults]) -> list[Markup]:
    """The sample is a mixture: of what, and the risk on each part of it."""
    sentences = []
    for probe in probes:
        rows = source_rows(probe)
        single = rows[rows["family"] == "holdout_by_source"]
        if single.empty:
            continue
        parts = [
            say(
                "{label} ({share} of the {unit}s) at most {total} bits, measured {risk}",
                label=str(row["source"]),
                share=num(row["source_share"], 0, BOUNDS, percent=True),
                unit=str(row["unit"]),
                total=num(row["total"], 2, BOUNDS),
                risk=num(row["proxy_risk"], 2, BOUNDS),
            )
            for _, row in single.iterrows()
        ]
        sentences.append(
            say(
                "{probe}: the sample is a mixture, and a bound on the risk of the mixture says "
                "nothing about its parts. With probability {confidence}, for all sources "
                "simultaneously: {parts}. The risk of any other mixture of the same sources lies "
                "between theirs.",
                probe=probe.name,
                confidence=confidence(float(single.iloc[0]["failure_prob"])),
                parts=join(parts),
            )
        )
    return sentences
