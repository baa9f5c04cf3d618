"""The verdict: four questions, each with a number, what that number is worth, and a sentence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from markupsafe import Markup

from semdim.plots.families import crossing_tokens, main_certificate, published
from semdim.plots.selections.proxy_rows import base_name, faithfulness_rows, raw_loss
from semdim.plots.selections.score_rows import (
    CONTENDERS,
    is_two_sided,
    main_level,
    score_words,
    uses_labels,
)
from semdim.report.wording import compare, confidence, count, join, num, say, text_words
from semdim.results.read import ProbeResults

BOUNDS, PROXIES, TABLE = "bounds.csv", "proxies.csv", "uncertainty.csv"
BEST_AT = 3
"""Decimals to which two AUROC count as equal."""


@dataclass(frozen=True)
class Item:
    """One question and its answer."""

    question: str
    value: Markup
    unit: str
    worth: Literal["certificate", "not a certificate", "measured"]
    sentence: Markup


def verdicts(probes: list[ProbeResults]) -> list[tuple[str, list[Item]]]:
    """(probe, its items); a probe without any of the results is left out."""
    found = []
    for probe in probes:
        items = [item for ask in QUESTIONS if (item := ask(probe)) is not None]
        if items:
            found.append((probe.name, items))
    return found


def _certified(probe: ProbeResults) -> Item | None:
    curve = main_certificate(probe)
    if curve is None:
        return None
    last = curve.last
    raw = raw_loss(probe)
    unsmoothed = Markup("") if raw is None else say(
        " Without smoothing, the model’s mean loss over sequences is {bits}, and nothing is "
        "certified about it.",
        bits=num(raw, 2, PROXIES),
    )  # fmt: skip
    return Item(
        "How large is the model’s loss on new text?",
        say("≤ {total}", total=num(last["total"], 2, BOUNDS)),
        "bits per token",
        "certificate",
        say(
            "With probability at least {confidence}, this is an upper bound on the mean, over new "
            "{unit}s from the same source, of the loss smoothed with α = {alpha}. The mean "
            "measured on {n} {unit}s is {risk}, and a random guess costs log₂V = {base}.{raw}",
            confidence=confidence(float(last["failure_prob"])),
            unit=curve.unit,
            alpha=num(last["smoothing"], 2, BOUNDS),
            risk=num(last["proxy_risk"], 2, BOUNDS),
            n=count(last["n_units"], BOUNDS),
            base=num(last["baseline"], 2, BOUNDS),
            raw=unsmoothed,
        ),
    )


def _published(probe: ProbeResults) -> Item | None:
    curve, certificate = published(probe), main_certificate(probe)
    if curve is None:
        return None
    where = crossing_tokens(probe)
    sentence = (
        say("It stays above log₂V, the random guess, at every sample size measured.")
        if where is None
        else say(
            "The paper’s formula falls below log₂V, the random guess, from N ≈ {n} tokens on. It "
            "is not a theorem here, because its assumptions do not hold.",
            n=count(where),
        )
    )
    if certificate is not None:
        a, b = float(certificate.last["total"]), float(curve.last["total"])
        sentence += say(
            " The certificate, which needs no autoencoder, is {by} bits {word} it.",
            by=num(abs(a - b)),
            word=compare(a, b, "above", "below", "away from"),
        )
    return Item(
        "What does the paper’s bound say?",
        num(curve.last["total"], 2, BOUNDS),
        f"bits per token at N = {int(curve.last['n_tokens']):,}",
        "not a certificate",
        sentence,
    )


def _changed(probe: ProbeResults) -> Item | None:
    rows = faithfulness_rows(probe)
    sae = rows[rows["proxy"].map(base_name) == "sae"] if len(rows) else rows
    if not len(sae):
        return None
    row = sae.iloc[0]
    return Item(
        "How much does the autoencoder change the model?",
        say("≤ {total}", total=num(row["total"], 2, BOUNDS)),
        "bits per token on average",
        "certificate",
        say(
            "With probability at least {confidence}, replacing the activation by its "
            "reconstruction changes the mean loss of {text} by no more than this; the measured "
            "change is {mean}.",
            confidence=confidence(float(row["failure_prob"])),
            text=text_words(probe.setup.get("context")),
            mean=num(row["gap"], 2, BOUNDS),
        ),
    )


def _warning(probe: ProbeResults) -> Item | None:
    table = probe.table("uncertainty")
    table = table[table["level"] == main_level(probe)]
    free = {str(s) for s in table["score"] if not is_two_sided(s) and not uses_labels(probe, s)}
    if CONTENDERS[0] not in free:
        return None
    table = table[table["score"].isin(free)]
    parts, n_first = [], 0
    for shift, rows in table.groupby("shift", sort=False):
        own = rows[rows["score"] == CONTENDERS[0]].iloc[0]
        rank = 1 + int((rows["auroc"].round(BEST_AT) > round(own["auroc"], BEST_AT)).sum())
        n_first += rank == 1
        parts.append(_place(str(shift), own, rank, rows))
    return Item(
        "Is the number of active atoms a warning sign?",
        say("{n} of {all}", n=count(n_first), all=count(len(parts))),
        "kinds of other text on which no score is better",
        "measured",
        say(
            "AUROC of k, with a bootstrap interval, and its rank among {n} scores that do without "
            "the true next token: {parts}.",
            n=count(len(free)),
            parts=join(parts, "; "),
        ),
    )


def _place(shift: str, own: "pd.Series[float]", rank: int, rows: pd.DataFrame) -> Markup:
    interval = Markup("")
    if pd.notna(own["auroc_low"]) and pd.notna(own["auroc_high"]):
        low, high = (num(own[name], BEST_AT, TABLE) for name in ("auroc_low", "auroc_high"))
        interval = say(" ({low}–{high})", low=low, high=high)
    best = rows.sort_values("auroc", kind="stable").iloc[-1]
    behind = say(
        ", behind {name} with {best}",
        name=score_words(str(best["score"])),
        best=num(best["auroc"], BEST_AT, TABLE),
    ) if rank > 1 else Markup("")  # fmt: skip
    return say(
        "{shift} {auroc}{interval}, rank {rank}{behind}",
        shift=shift,
        auroc=num(own["auroc"], BEST_AT, TABLE),
        interval=interval,
        rank=count(rank),
        behind=behind,
    )


QUESTIONS: tuple[Callable[[ProbeResults], Item | None], ...] = (
    _certified, _published, _changed, _warning,
)  # fmt: skip
