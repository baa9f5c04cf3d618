"""What Lemma 2 and section 3 take for granted, beside what was measured: radii, and √(SSD/N)."""

import math

import pandas as pd
from markupsafe import Markup

from semdim.paper import GEMMA_2B, GPT2_SMALL
from semdim.plots.families import published
from semdim.report.sentences import reading
from semdim.report.wording import count, join, num, say, small
from semdim.results.read import ProbeResults

RADII, BOUNDS = "radii.csv", "bounds.csv"


@reading("ssd_root", section="bound", position=45)
def ssd_root(probes: list[ProbeResults]) -> list[Markup]:
    """Is √(SSD/N) small against 1, and is the term that the bound makes of it?"""
    sentences = []
    for probe in probes:
        curve = published(probe)
        if curve is None or pd.isna(curve.last["ssd_nats"]):
            continue
        last = curve.last
        root = math.sqrt(float(last["ssd_nats"]) / float(last["n_tokens"]))
        sentences.append(
            say(
                "{probe}: √(SSD/N) is {root} at N = {n}, which the paper calls far below one. The "
                "bound multiplies it by {factor}, four times the loss ceiling, so it costs {bits} "
                "bits: {share} of log₂V.",
                probe=probe.name,
                root=num(root, 3),
                n=count(last["n_tokens"], BOUNDS),
                factor=num(float(last["complexity"]) / root, 1),
                bits=num(last["complexity"], 2, BOUNDS),
                share=num(float(last["complexity"]) / float(last["baseline"]), 0, percent=True),
            )
        )
    return sentences


@reading("relative_k", section="sparsity", position=32)
def relative_k(probes: list[ProbeResults]) -> list[Markup]:
    """k/d_model, by which the paper explains that the larger model is ahead."""
    known = []
    for probe in probes:
        curve, width = published(probe), (probe.setup.get("model") or {}).get("d_model")
        if curve is None or not width:
            continue
        ratio = num(float(curve.last["k"]) / width, 3)
        known.append(say("{ratio} ({probe})", ratio=ratio, probe=probe.name))
    if not known:
        return []
    smaller, larger = (num(model.relative_k, 3) for model in (GPT2_SMALL, GEMMA_2B))
    return [
        say(
            "Mean k divided by the width of the residual stream, which the paper expects to fall "
            "as models grow, is {known}; with the paper’s k it is {smaller} for its smaller model "
            "and {larger} for its larger one.",
            known=join(known),
            smaller=smaller,
            larger=larger,
        )
    ]


@reading("radii", section="sparsity", position=36)
def radii(probes: list[ProbeResults]) -> list[Markup]:
    """The largest ‖S(h)‖ of the ID corpus with outliers and without, and how many outliers."""
    sentences = []
    for probe in probes:
        table = probe.table("radii")
        corpus = next(iter(probe.corpora), "")
        part = table[(table["corpus"] == corpus) & (table["quantity"] == "reconstruction_radius")]
        rows = {str(row["positions"]): row for row in part.to_dict("records")}
        if not {"all", "without_bos", "without_outliers"} <= set(rows):
            continue
        every, inside, familiar = (rows[p] for p in ("all", "without_bos", "without_outliers"))
        outliers = int(inside["n_tokens"]) - int(familiar["n_tokens"])
        sentences.append(
            say(
                "{probe}: on {corpus} the largest ‖S(h)‖, the constant C of the paper, is "
                "{every}{inside}. Without the norm outliers ({outliers} tokens, {share}) it is "
                "{familiar}, and all but one in a hundred of the remaining tokens stay at or below "
                "{q99}.",
                probe=probe.name,
                corpus=corpus,
                every=num(every["max"], 0, RADII),
                inside=""
                if every["max"] == inside["max"]
                else say("; without position 0 it is {max}", max=num(inside["max"], 0, RADII)),
                familiar=num(familiar["max"], 0, RADII),
                outliers=count(outliers),
                share=small(outliers / float(inside["n_tokens"])),
                q99=num(familiar["q99"], 0, RADII),
            )
        )
    return sentences
