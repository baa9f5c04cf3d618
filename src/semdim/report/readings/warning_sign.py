"""Is the number of active atoms a warning sign? Readings of the AUROC table."""

import pandas as pd
from markupsafe import Markup

from semdim.plots.selections.score_rows import CONTENDERS, ROC_LEVEL, score_words, uses_labels
from semdim.report.sentences import reading
from semdim.report.wording import compare, count, join, num, say
from semdim.results.read import ProbeResults

TABLE, GUARDRAIL, VERDICT = "uncertainty.csv", "guardrail.json", "verdict.json"
TRIVIAL = "unigram_nll"


def _interval(row: "pd.Series[float]") -> Markup:
    if pd.isna(row["auroc_low"]) or pd.isna(row["auroc_high"]):
        return Markup("")
    return say(
        " ({low}–{high})",
        low=num(row["auroc_low"], 2, TABLE),
        high=num(row["auroc_high"], 2, TABLE),
    )


def _outcome(probe: ProbeResults, shift: str, level: str, rival: str) -> str | None:
    """What the paired comparison over resampled documents found, if it was made."""
    levels = (probe.verdict.get("by_shift") or {}).get(shift) or {}
    own = ((levels.get(level) or {}).get("contenders") or {}).get("n_active") or {}
    for entry in own.get("against") or []:
        if entry.get("score") == rival:
            return {
                "better": "ahead of it, also when documents are resampled",
                "worse": "behind it, also when documents are resampled",
            }.get(str(entry.get("outcome")), "not to be told apart from it by these documents")
    return None


@reading("separated", figure="auroc_table")
def separated(probes: list[ProbeResults], level: str = ROC_LEVEL) -> list[Markup]:
    """n_active against the best other score that needs no label, shift by shift."""
    sentences = []
    for probe in probes:
        table = probe.table("uncertainty")
        table = table[table["level"] == level]
        for shift, rows in table.groupby("shift", sort=False):
            own = rows[rows["score"] == "n_active"]
            rivals = rows[
                [
                    score not in CONTENDERS and not uses_labels(probe, str(score))
                    for score in rows["score"]
                ]
            ]
            if own.empty or rivals.empty:
                continue
            a, best = own.iloc[0], rivals.sort_values("auroc").iloc[-1]
            sentences.append(
                say(
                    "{probe}, {shift}: n_active separates it from the in-distribution text with "
                    "AUROC {own}{interval}; the best other score without the label, {name}, has "
                    "{best}{best_interval}, so n_active is {word}.",
                    probe=probe.name,
                    shift=str(shift),
                    own=num(a["auroc"], 2, TABLE),
                    interval=_interval(a),
                    name=score_words(str(best["score"])),
                    best=num(best["auroc"], 2, TABLE),
                    best_interval=_interval(best),
                    word=_outcome(probe, str(shift), level, str(best["score"]))
                    or compare(
                        round(float(a["auroc"]), 2),
                        round(float(best["auroc"]), 2),
                        "ahead of it",
                        "behind it",
                        "level with it",
                    ),
                )
            )
    return sentences


@reading("standing", section="ood", position=20)
def standing(probes: list[ProbeResults], level: str = ROC_LEVEL) -> list[Markup]:
    """Where n_active beats the other perplexity-free scores, and where it does not.

    By the paired comparison over resampled documents that verdict.json holds; nothing is said of a
    shift for which it was not made.
    """
    sentences = []
    for probe in probes:
        shifts = probe.verdict.get("by_shift") or {}
        for shift, levels in shifts.items():
            contenders = (levels.get(level) or {}).get("contenders") or {}
            found = (contenders.get("n_active") or {}).get("record")
            if not found or not any(found.values()):
                continue
            parts = [
                say("{words} {which}", words=words, which=join(list(map(score_words, found[key]))))
                for key, words in (
                    ("better", "ahead of"),
                    ("worse", "behind"),
                    ("undecided", "not to be told apart from"),
                )
                if found.get(key)
            ]
            sentences.append(
                say(
                    "{probe}, {shift}: of the {n} other scores that do without perplexity, "
                    "n_active is {parts}.",
                    probe=probe.name,
                    shift=shift,
                    n=count(sum(map(len, found.values())), VERDICT),
                    parts=join(parts, "; it is "),
                )
            )
        cells = [
            facts for levels in shifts.values() for facts in levels.values() if facts.get("best")
        ]
        if cells:
            best = [
                facts
                for facts in cells
                if (facts.get("best_label_free") or facts["best"])["score"] in CONTENDERS
            ]
            sentences.append(
                say(
                    "{probe}: over all shifts and levels, n_active or its distance from the usual "
                    "has the highest AUROC of the perplexity-free scores in {n} of {all} columns "
                    "of the table.",
                    probe=probe.name,
                    n=count(len(best), VERDICT),
                    all=count(len(cells), VERDICT),
                )
            )
    return sentences


@reading("trivial", section="ood", position=21)
def against_trivial(probes: list[ProbeResults], level: str = ROC_LEVEL) -> list[Markup]:
    """Does n_active beat the score that looks at token frequencies alone?"""
    sentences = []
    for probe in probes:
        table = probe.table("uncertainty")
        table = table[table["level"] == level]
        own = table[table["score"] == "n_active"].set_index("shift")["auroc"]
        trivial = table[table["score"] == TRIVIAL].set_index("shift")["auroc"]
        shifts = [shift for shift in own.index if shift in trivial.index]
        if not shifts:
            continue
        beaten = [str(shift) for shift in shifts if own[shift] > trivial[shift]]
        sentences.append(
            say(
                "{probe}: n_active beats the trivial score that only looks up how frequent each "
                "token is on {n} of {all} shifts{which}.",
                probe=probe.name,
                n=count(len(beaten)),
                all=count(len(shifts)),
                which=f" ({', '.join(beaten)})" if beaten else "",
            )
        )
        below = [str(shift) for shift in own.index if own[shift] < 0.5]
        if below:
            sentences.append(
                say(
                    "On {which} its AUROC is below 0.5: there, unfamiliar text has fewer active "
                    "atoms, the opposite of what the paper’s rule looks for.",
                    which=join(below),
                )
            )
    return sentences


@reading("fitted", section="ood", position=22)
def fitted(probes: list[ProbeResults]) -> list[Markup]:
    """What the distances between activations were fitted on."""
    sentences = []
    for probe in probes:
        facts = probe.verdict.get("activation_fit") or {}
        if "n_tokens" not in facts:
            continue
        sentences.append(
            say(
                "{probe}: Mahalanobis and kNN distances know {tokens} tokens of in-distribution "
                "documents that no rate counts ({outliers} outliers of the norm left out), "
                "{clusters} clusters and {bank} neighbours of them.",
                probe=probe.name,
                tokens=count(facts["n_tokens"], VERDICT),
                outliers=count(facts["n_outliers"], VERDICT),
                clusters=count(facts["n_clusters"], VERDICT),
                bank=count(facts["bank_tokens"], VERDICT),
            )
        )
    return sentences
