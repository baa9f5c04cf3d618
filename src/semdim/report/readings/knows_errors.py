"""Does k know when the model is wrong? The verdict in words, from the numbers."""

import pandas as pd
from markupsafe import Markup

from semdim.plots.selections.error_rows import error_words
from semdim.report.sentences import reading
from semdim.report.wording import count, join, num, say
from semdim.results.errors import Errors, KVerdict
from semdim.results.read import ProbeResults

FILE = "errors.json"
LEVEL = 0.05
NAMES = {"top1_error": "first-choice errors", "nll": "the loss"}


@reading("knows_errors", section="errors", position=10)
def knows_errors(probes: list[ProbeResults]) -> list[Markup]:
    """Which way k points, how far it gets, and what is left of it beyond the controls."""
    sentences = []
    for probe in probes:
        if probe.errors is None:
            continue
        for verdict in probe.errors.verdicts:
            sentences.append(_association(probe.name, verdict))
            sentences.append(_beyond(verdict))
        sentences += [Markup.escape(note) for note in probe.errors.notes]
    return sentences


def _association(name: str, verdict: KVerdict) -> Markup:
    is_binary = verdict.measure == "auroc"
    what_is_wrong = "wrong tokens" if is_binary else "tokens with a large loss"
    others = "right ones" if is_binary else "those with a small one"
    way = {
        "more": f"{what_is_wrong} have more active atoms than {others}, as the paper says",
        "fewer": f"{what_is_wrong} have fewer active atoms than {others}, contrary to the paper",
        "undecided": f"k does not tell {what_is_wrong} from {others}",
    }[verdict.direction]
    return say(
        "{name}, {outcome}: {way}. For k, {what} is {value} ({low} to {high}){within}; for the "
        "best score, {best}, it is {best_value}.",
        name=name,
        outcome=NAMES.get(verdict.outcome, verdict.outcome),
        way=way,
        what="the AUROC" if is_binary else "the rank correlation",
        value=num(verdict.value, 3, FILE),
        low=num(verdict.low, 3, FILE),
        high=num(verdict.high, 3, FILE),
        within=""
        if verdict.within is None
        else say(", {value} within documents", value=num(verdict.within, 3, FILE)),
        best=error_words(verdict.best),
        best_value=num(verdict.best_value, 3, FILE),
    )


def adds(verdict: KVerdict) -> bool:
    """Whether k predicts errors better together with the controls than they do alone."""
    return verdict.gain_low > 0


def _beyond(verdict: KVerdict) -> Markup:
    is_left = verdict.partial_p is not None and verdict.partial_p <= LEVEL
    lead = (
        "Given position, token frequency and entropy, k still carries information"
        if is_left
        else "Given position, token frequency and entropy, k carries no detectable information"
    )
    improves = adds(verdict)
    use = (
        f"{'and' if improves == is_left else 'but'} adding k to these three "
        f"{'improves' if improves else 'does not improve'} the prediction"
    )
    return say(
        "{lead}: its partial rank correlation is {value} ({low} to {high}), {use} (gain {gain}, "
        "{gain_low} to {gain_high}).",
        lead=lead,
        value=num(verdict.partial, 3, FILE),
        low=num(verdict.partial_low, 3, FILE),
        high=num(verdict.partial_high, 3, FILE),
        use=use,
        gain=num(verdict.gain, 4, FILE),
        gain_low=num(verdict.gain_low, 4, FILE),
        gain_high=num(verdict.gain_high, 4, FILE),
    )


def share_of(errors: Errors, of: str, *factors: str) -> float | None:
    """The adjusted share of the variance that these factors explain together."""
    found = [s.adjusted for s in errors.variance if s.of == of and set(s.factors) == set(factors)]
    return found[0] if found else None


@reading("variance_of_k", figure="k_variance")
def variance_of_k(probes: list[ProbeResults]) -> list[Markup]:
    """How much of k the token alone explains."""
    sentences = []
    for probe in probes:
        if probe.errors is None:
            continue
        logs = "log2(1 + n_active)"
        token = share_of(probe.errors, logs, "token")
        position = share_of(probe.errors, logs, "position")
        document = share_of(probe.errors, logs, "document")
        if token is None or position is None or document is None:
            continue
        sentences.append(
            say(
                "{probe}: the token itself explains {token} of the variance of the logarithm of k, "
                "its position {position}, its document {document}{so}.",
                probe=probe.name,
                token=num(token, 0, FILE, percent=True),
                position=num(position, 1, FILE, percent=True),
                document=num(document, 1, FILE, percent=True),
                so=": k is above all a property of the token being read" if token > 0.5 else "",
            )
        )
    return sentences


@reading("certified_risk", figure="selective_risk")
def certified_risk(probes: list[ProbeResults]) -> list[Markup]:
    """How many targets each score reaches."""
    sentences = []
    for probe in probes:
        table = probe.table("selective_risk")
        table = table[table["score"] != "oracle"]
        for outcome, mine in table.groupby("outcome", sort=False):
            reached = [
                say(
                    "{score} {n} of {all}",
                    score=error_words(str(score)),
                    n=count(int(part["is_certified"].sum())),
                    all=count(len(part)),
                )
                for score, part in mine.groupby("score", sort=False)
            ]
            sentences.append(
                say(
                    "{probe}, {outcome}: number of targets with a certified threshold: {reached}.",
                    probe=probe.name,
                    outcome="first-choice errors" if outcome == "top1_error" else "smoothed loss",
                    reached=Markup(", ").join(reached),
                )
            )
    return sentences


@reading("cells", figure="mondrian")
def cells(probes: list[ProbeResults]) -> list[Markup]:
    """The spread of false alarms over cells, before and after."""
    sentences = []
    for probe in probes:
        table = probe.table("mondrian")
        if table.empty or probe.errors is None:
            continue
        own = table[(table["corpus"] == table["corpus"].iloc[0]) & (table["position_bin"] > 0)]
        ends = [
            num(value, 1, "mondrian.csv", percent=True)
            for name in ("rate_common", "rate_own")
            for value in (own[name].min(), own[name].max())
        ]
        sentences.append(
            say(
                "{probe}, in-distribution text: at a promised rate of {rate}, the false-alarm "
                "rates of the cells range from {a} to {b} with one threshold, and from {c} to {d} "
                "with one threshold per cell.{detected}",
                probe=probe.name,
                a=ends[0],
                b=ends[1],
                c=ends[2],
                d=ends[3],
                rate=num(probe.errors.false_alarm_rate, 0, FILE, percent=True),
                detected=_detected(table),
            )
        )
    return sentences


def _detected(table: pd.DataFrame) -> Markup:
    """Alarms on the other corpora, before and after."""
    whole = table[(table["position_bin"] == 0) & (table["corpus"] != table["corpus"].iloc[0])]
    parts = [
        say(
            "{corpus} from {a} to {b}",
            corpus=str(row["corpus"]),
            a=num(row["rate_common"], 1, "mondrian.csv", percent=True),
            b=num(row["rate_own"], 1, "mondrian.csv", percent=True),
        )
        for row in whole.to_dict("records")
    ]
    if not parts:
        return Markup("")
    return say(
        " The alarm rates on the tokens of the other texts change: {parts}.", parts=join(parts)
    )
