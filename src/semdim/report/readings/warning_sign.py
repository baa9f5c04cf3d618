"""Is the number of active atoms a warning sign? Readings of the AUROC table."""

import pandas as pd
from markupsafe import Markup

from semdim.plots.selections.score_rows import (
    CONTENDERS,
    SIDES,
    is_two_sided,
    main_level,
    score_words,
    uses_labels,
)
from semdim.report.sentences import reading
from semdim.report.wording import compare, count, join, num, say
from semdim.results.read import ProbeResults

TABLE, VERDICT = "uncertainty.csv", "verdict.json"
TRIVIAL = "unigram_nll"


def _interval(row: "pd.Series[float]") -> Markup:
    if pd.isna(row["auroc_low"]) or pd.isna(row["auroc_high"]):
        return Markup("")
    return say(
        " ({low}–{high})",
        low=num(row["auroc_low"], 2, TABLE),
        high=num(row["auroc_high"], 2, TABLE),
    )


def _outcome(probe: ProbeResults, shift: str, score: str, rival: str) -> str | None:
    """What the paired comparison over resampled documents found, if it was made."""
    stated = (probe.verdict.get("by_shift") or {}).get(shift) or {}
    own = ((stated.get(main_level(probe)) or {}).get("contenders") or {}).get(score) or {}
    for entry in own.get("against") or []:
        if entry.get("score") == rival:
            return {
                "better": "ahead of it, also when documents are resampled",
                "worse": "behind it, also when documents are resampled",
            }.get(str(entry.get("outcome")), "indistinguishable from it on these documents")
    return None


def _against_best(
    probe: ProbeResults, shift: str, rows: pd.DataFrame, contender: str
) -> Markup | None:
    """A form of n_active against the best score of the same sidedness that needs no label."""
    own = rows[rows["score"] == contender]
    rivals = rows[
        [
            score not in CONTENDERS
            and is_two_sided(score) == is_two_sided(contender)
            and not uses_labels(probe, score)
            for score in rows["score"].astype(str)
        ]
    ]
    if own.empty or rivals.empty:
        return None
    a, best = own.iloc[0], rivals.sort_values("auroc").iloc[-1]
    return say(
        "{probe}, {shift}, {side}: n_active separates it from the in-distribution text with AUROC "
        "{own}{interval}; the best other score without the label, {name}, has "
        "{best}{best_interval}, so n_active is {word}.",
        probe=probe.name,
        shift=shift,
        side=SIDES[is_two_sided(contender)],
        own=num(a["auroc"], 2, TABLE),
        interval=_interval(a),
        name=score_words(str(best["score"])),
        best=num(best["auroc"], 2, TABLE),
        best_interval=_interval(best),
        word=_outcome(probe, shift, contender, str(best["score"]))
        or compare(
            round(float(a["auroc"]), 2),
            round(float(best["auroc"]), 2),
            "ahead of it",
            "behind it",
            "level with it",
        ),
    )


@reading("separated", figure="auroc_table")
def separated(probes: list[ProbeResults]) -> list[Markup]:
    """n_active against the best other score that needs no label, shift by shift, like with like:
    scores in the direction of their theory, and two-sided ones."""
    sentences = []
    for probe in probes:
        table = probe.table("uncertainty")
        table = table[table["level"] == main_level(probe)]
        for shift, rows in table.groupby("shift", sort=False):
            found = (_against_best(probe, str(shift), rows, name) for name in CONTENDERS)
            sentences += [sentence for sentence in found if sentence is not None]
    return sentences


@reading("standing", section="ood", position=20)
def standing(probes: list[ProbeResults]) -> list[Markup]:
    """Where n_active beats the other perplexity-free scores, and where it does not.

    By the paired comparison over resampled documents that verdict.json holds; nothing is said of a
    shift for which it was not made.
    """
    sentences = []
    for probe in probes:
        shifts = probe.verdict.get("by_shift") or {}
        for shift, stated in shifts.items():
            contenders = (stated.get(main_level(probe)) or {}).get("contenders") or {}
            for name in CONTENDERS:
                found = (contenders.get(name) or {}).get("record")
                if found and any(found.values()):
                    sentences.append(_record(probe.name, shift, name, found))
        cells = [
            facts for stated in shifts.values() for facts in stated.values() if facts.get("best")
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
                    "value has the highest AUROC of all perplexity-free scores in {n} of {all} "
                    "comparisons.",
                    probe=probe.name,
                    n=count(len(best), VERDICT),
                    all=count(len(cells), VERDICT),
                )
            )
    return sentences


def _record(probe: str, shift: str, contender: str, found: dict[str, list[str]]) -> Markup:
    parts = [
        say("{words} {which}", words=words, which=join(list(map(score_words, found[key]))))
        for key, words in (
            ("better", "ahead of"),
            ("worse", "behind"),
            ("undecided", "indistinguishable from"),
        )
        if found.get(key)
    ]
    return say(
        "{probe}, {shift}, {side}: among the {n} other scores that do without perplexity, "
        "n_active is {parts}.",
        probe=probe,
        shift=shift,
        side=SIDES[is_two_sided(contender)],
        n=count(sum(map(len, found.values())), VERDICT),
        parts=join(parts, "; it is "),
    )


@reading("trivial", section="ood", position=21)
def against_trivial(probes: list[ProbeResults]) -> list[Markup]:
    """Does n_active beat the score that looks at token frequencies alone?"""
    sentences = []
    for probe in probes:
        table = probe.table("uncertainty")
        table = table[table["level"] == main_level(probe)]
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
                    "{probe}: on {which} its AUROC is below 0.5: there, unfamiliar text has fewer "
                    "active atoms, the opposite of what the paper’s rule assumes.",
                    probe=probe.name,
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
                "{probe}: Mahalanobis and kNN distances were fitted on {tokens} tokens of "
                "in-distribution documents that no rate counts ({outliers} norm outliers left "
                "out), with {clusters} clusters and {bank} of these tokens as neighbours.",
                probe=probe.name,
                tokens=count(facts["n_tokens"], VERDICT),
                outliers=count(facts["n_outliers"], VERDICT),
                clusters=count(facts["n_clusters"], VERDICT),
                bank=count(facts["bank_tokens"], VERDICT),
            )
        )
    return sentences
