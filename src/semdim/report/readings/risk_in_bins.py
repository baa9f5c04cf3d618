"""Does the risk grow with k? The reading of the bins."""

from markupsafe import Markup

from semdim.plots.selections.bin_rows import bin_label, sparsity_bins
from semdim.report.sentences import reading
from semdim.report.wording import confidence, count, num, say, trend
from semdim.results.read import ProbeResults

SPARSITY, BOUNDS, VERDICT = "sparsity.csv", "bounds.csv", "verdict.json"


@reading("bins", figure="risk_by_sparsity")
def binned_risk(probes: list[ProbeResults]) -> list[Markup]:
    """Does the risk grow with k, and what is certified in each bin?"""
    sentences = []
    for probe in probes:
        bins = sparsity_bins(probe)
        measured = bins[bins["proxy_risk"].notna()]
        if len(measured) < 2:
            continue
        first, last = measured.iloc[0], measured.iloc[-1]
        way = trend([float(risk) for risk in measured["proxy_risk"]])
        sentences.append(
            say(
                "{probe}: from the sparsest bin ({low} atoms) to the densest ({high}) the measured "
                "risk goes from {a} to {b} bits and {word}.",
                probe=probe.name,
                low=bin_label(float(first["left"]), float(first["right"])),
                high=bin_label(float(last["left"]), float(last["right"])),
                a=num(first["proxy_risk"], 2, BOUNDS),
                b=num(last["proxy_risk"], 2, BOUNDS),
                word={
                    "rises": "rises from bin to bin, as the paper’s “dynamic evaluation” expects",
                    "falls": "falls from bin to bin, against the paper’s “dynamic evaluation”",
                    "flat": "does not change",
                    "mixed": "does not change in one direction only",
                }[way],
            )
        )
        below = bins[bins["total"] < bins["baseline"]]
        worst = bins.sort_values("total").iloc[-1]
        sentences.append(
            say(
                "{probe}: with probability {confidence}, for all bins simultaneously, the risk in "
                "{below} of {all} bins is certified to be below log₂V; the largest certified "
                "upper end is {worst} bits.",
                probe=probe.name,
                confidence=confidence(float(bins.iloc[0]["failure_prob"])),
                below=count(len(below)),
                all=count(len(bins)),
                worst=num(worst["total"], 2, BOUNDS),
            )
        )
    return sentences
