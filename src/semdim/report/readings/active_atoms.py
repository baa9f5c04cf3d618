"""How sparse the codes are: readings of Table 1 and Figure 2."""

import pandas as pd
from markupsafe import Markup

from semdim.plots.selections.sparsity_rows import sparsity_rows
from semdim.report.sentences import reading
from semdim.report.wording import compare, count, join, num, say
from semdim.results.read import ProbeResults

SPARSITY, BOUNDS, VERDICT = "sparsity.csv", "bounds.csv", "verdict.json"


def _row(probe: ProbeResults, corpus: str, positions: str) -> "pd.Series[float] | None":
    table = probe.table("sparsity")
    rows = table[(table["corpus"] == corpus) & (table["positions"] == positions)]
    return None if rows.empty else rows.iloc[0]


@reading("counted", figure="sparsity_histograms")
def counted(probes: list[ProbeResults]) -> list[Markup]:
    """Means per corpus, and which corpora need more or fewer atoms than the ID corpus."""
    sentences = []
    for probe in probes:
        rows = sparsity_rows(probe)
        if rows.empty:
            continue
        home, first = rows.index[0], rows.iloc[0]
        mean = float(first["mean"])
        others = [
            say(
                "{corpus} {value} ({word})",
                corpus=str(corpus),
                value=num(row["mean"], 2, SPARSITY),
                word=compare(float(row["mean"]), mean, "more", "fewer", "as many"),
            )
            for corpus, row in rows.iloc[1:].iterrows()
        ]
        start = say(
            "{probe}: a token of {home} activates {mean} atoms on average (std {std}, at most "
            "{largest})",
            probe=probe.name,
            home=str(home),
            mean=num(mean, 2, SPARSITY),
            std=num(first["std"], 2, SPARSITY),
            largest=count(first["max"], SPARSITY),
        )
        end = say("; the others: {others}.", others=join(others)) if others else Markup(".")
        sentences.append(start + end)
    return sentences


@reading("position_zero", section="sparsity", position=30)
def position_zero(probes: list[ProbeResults]) -> list[Markup]:
    """What position 0 does to the mean and the maximum of the ID corpus."""
    sentences = []
    for probe in probes:
        corpus = next(iter(probe.corpora), "")
        without, every = _row(probe, corpus, "without_bos"), _row(probe, corpus, "all")
        if without is None or every is None:
            continue
        same = float(every["max"]) == float(without["max"])
        sentences.append(
            say(
                "{probe}: with position 0 the mean over {corpus} is {a} instead of {b}; {largest}.",
                probe=probe.name,
                corpus=corpus,
                a=num(every["mean"], 2, SPARSITY),
                b=num(without["mean"], 2, SPARSITY),
                largest=say(
                    "the largest count, {c}, is at another position",
                    c=count(every["max"], SPARSITY),
                )
                if same
                else say(
                    "the largest count is {c} instead of {d}, so position 0 alone sets the maximum",
                    c=count(every["max"], SPARSITY),
                    d=count(without["max"], SPARSITY),
                ),
            )
        )
    return sentences


@reading("code", section="sparsity", position=40)
@reading("code_side_by_side", figure="cross_model", position=20)
def code_against_english(probes: list[ProbeResults]) -> list[Markup]:
    """Is shifted text sparser than the ID corpus, and does an interval over documents say so?"""
    sentences = []
    for probe in probes:
        rows = sparsity_rows(probe)
        shifted = [corpus for corpus in rows.index if probe.role(str(corpus)) == "shifted"]
        if not shifted:
            continue
        home = rows.index[0]
        for corpus in shifted:
            a, b = float(rows.loc[corpus]["mean"]), float(rows.iloc[0]["mean"])
            levels = (probe.verdict.get("by_shift") or {}).get(corpus) or {}
            stated = (levels.get("token") or {}).get("direction")
            evidence = {
                "more": "over resampled documents, a token of it has more active atoms",
                "fewer": "over resampled documents, a token of it has fewer active atoms",
                "undecided": "over resampled documents, the difference could go either way",
            }.get(str(stated), "no interval over documents was computed")
            sentences.append(
                say(
                    "{probe}: {corpus} is {word} {home} ({a} against {b} atoms; {evidence}).",
                    probe=probe.name,
                    corpus=str(corpus),
                    word=compare(a, b, "less sparse than", "sparser than", "as sparse as"),
                    home=str(home),
                    a=num(a, 2, SPARSITY),
                    b=num(b, 2, SPARSITY),
                    evidence=evidence,
                )
            )
    return sentences
