"""What the guardrail promises and catches, beside the paper’s fixed rule."""

from markupsafe import Markup

from semdim.report.sentences import reading
from semdim.report.wording import count, join, say, small
from semdim.results.guardrail import guardrail_of
from semdim.results.read import ProbeResults
from semdim.uncertainty.alarm_words import statistic_in_words
from semdim.uncertainty.guardrail import FixedRuleRow, Guardrail, Spread

GUARDRAIL = "guardrail.json"


@reading("guarded", figure="guardrail")
def guarded(probes: list[ProbeResults]) -> list[Markup]:
    """The promise of the guardrail, what was measured, and what it catches."""
    found = [(probe, guardrail_of(probe)) for probe in probes]
    return [
        sentence
        for probe, facts in found
        if facts is not None
        for sentence in (*_promise(probe, facts), *_choice(probe, facts), *_caught(probe, facts))
    ]


def _promise(probe: ProbeResults, facts: Guardrail) -> list[Markup]:
    alarm, measured = facts.alarm, facts.measured
    sentences = [
        say(
            "{probe}: {rule}. The promise is about a document, however many sequences and looks "
            "it has: at most {promised} of fresh in-distribution documents raise the alarm, on "
            "average over calibrations ({n} documents calibrate). Of {held_out} held-out "
            "documents, {measured} raised it; over {splits} fresh splits, the share averages "
            "{mean} and ranges from {low} to {high}.",
            probe=probe.name,
            rule=alarm.rule,
            promised=small(alarm.false_alarm_rate, GUARDRAIL),
            n=count(alarm.n_calibration, GUARDRAIL),
            held_out=count(measured.false_alarms.n_documents, GUARDRAIL),
            measured=small(measured.false_alarms.rate, GUARDRAIL),
            splits=count(facts.stability.n_splits, GUARDRAIL),
            **_spread(facts.stability.false_alarm_rate),
        )
    ]
    larger = facts.measured_with_confidence
    if larger is not None:
        sentences.append(
            say(
                "{probe}: larger thresholds keep to that rate in {confidence} of all "
                "calibrations; with them, {measured} of the held-out documents raise the alarm.",
                probe=probe.name,
                confidence=small(alarm.confidence, GUARDRAIL),
                measured=small(larger.false_alarms.rate, GUARDRAIL),
            )
        )
    by_length = measured.false_alarms_by_length
    if len(by_length) > 1:
        parts = [
            say(
                "{rate} of those with {n} sequence{s}",
                rate=small(rates.rate, GUARDRAIL),
                n=count(int(length), GUARDRAIL),
                s="" if length == "1" else "s",
            )
            for length, rates in by_length.items()
        ]
        sentences.append(
            say(
                "{probe}: long documents are checked more often, so {parts} raise the alarm.",
                probe=probe.name,
                parts=join(parts),
            )
        )
    return sentences


def _choice(probe: ProbeResults, facts: Guardrail) -> list[Markup]:
    if facts.choice is None:
        return []
    alarm, chosen = facts.alarm, facts.alarm.limits[0].statistic
    times, n_splits = facts.stability.chosen.get(chosen, 0), facts.stability.n_splits
    return [
        say(
            "{probe}: the {statistic} was chosen on {n} further in-distribution documents, "
            "without using any shift: of {candidates} statistics, it differs least between "
            "documents in relative terms. {times} of {splits} fresh splits also choose it.",
            probe=probe.name,
            statistic=statistic_in_words(chosen, alarm.moving_length),
            n=count(alarm.n_choice, GUARDRAIL),
            candidates=count(len(facts.choice.candidates), GUARDRAIL),
            times=count(times, GUARDRAIL),
            splits=count(n_splits, GUARDRAIL),
        )
    ]


def _caught(probe: ProbeResults, facts: Guardrail) -> list[Markup]:
    detection, spreads = facts.measured.detection, facts.stability.detection
    if not detection:
        return []
    parts = []
    for corpus, rates in detection.items():
        part = say("{corpus} {rate}", corpus=corpus, rate=small(rates.rate, GUARDRAIL))
        if corpus in spreads:
            part += say(
                " (over the splits {low} to {high}, {mean} on average)", **_spread(spreads[corpus])
            )
        parts.append(part)
    promised = facts.alarm.false_alarm_rate
    useless = [corpus for corpus, rates in detection.items() if rates.rate <= promised]
    end = (
        say(" On {which} that is no more than the false alarms alone.", which=join(useless))
        if useless
        else Markup("")
    )
    return [
        say(
            "{probe}: the alarm catches these shares of the documents: {caught}.",
            probe=probe.name,
            caught=join(parts),
        )
        + end
    ]


def _spread(spread: Spread) -> dict[str, Markup]:
    return {
        "mean": small(spread.mean, GUARDRAIL),
        "low": small(spread.min, GUARDRAIL),
        "high": small(spread.max, GUARDRAIL),
    }


def _claim(
    probe: ProbeResults, facts: Guardrail, rows: list[FixedRuleRow], far: list[FixedRuleRow]
) -> list[Markup]:
    """What the paper's 100 % comes to, next to a threshold with a known false-alarm rate."""
    familiar = [row for row in rows if row.role == "id"]
    measured = facts.measured
    if not far or not familiar or any(row.corpus not in measured.detection for row in far):
        return []
    return [
        say(
            "{probe}: here the paper’s “100 %” is {caught}, counted by document, at a false-alarm "
            "rate of {false} on {familiar}; the calibrated alarm catches {instead} at {measured}.",
            probe=probe.name,
            caught=join(
                [
                    say(
                        "{rate} of {corpus}",
                        rate=small(row.document_rate, GUARDRAIL),
                        corpus=row.corpus,
                    )
                    for row in far
                ]
            ),
            false=small(familiar[0].document_rate, GUARDRAIL),
            familiar=familiar[0].corpus,
            instead=join([small(measured.detection[row.corpus].rate, GUARDRAIL) for row in far]),
            measured=small(measured.false_alarms.rate, GUARDRAIL),
        )
    ]


@reading("fixed_rule")
def fixed_rule(probes: list[ProbeResults]) -> list[Markup]:
    """The paper's k > 500 on this data, position 0 left out, beside Cantelli's inequality."""
    sentences = []
    for probe in probes:
        facts = guardrail_of(probe)
        if facts is None:
            continue
        rule = facts.fixed_rule
        rows = [row for row in rule.corpora if row.positions == "without_bos"]
        if not rows:
            continue
        parts = [
            say(
                "{corpus} {tokens} of tokens (Cantelli allows {allowed}), {sequences} of sequences",
                corpus=row.corpus,
                tokens=small(row.token_rate, GUARDRAIL),
                allowed=small(row.token_rate_bound, GUARDRAIL),
                sequences=small(row.sequence_rate, GUARDRAIL),
            )
            for row in rows
        ]
        far = [row for row in rows if row.role == "far"]
        complete = bool(far) and all(row.sequence_rate >= 1.0 for row in far)
        sentences.append(
            say(
                "{probe}: {rule} is met by {parts}. {verdict}",
                probe=probe.name,
                rule=rule.rule,
                parts=join(parts, "; and "),
                verdict=""
                if not far
                else "Here the rule does flag every sequence of random tokens."
                if complete
                else "Here the rule does not flag every sequence of random tokens.",
            )
        )
        sentences += _claim(probe, facts, rows, far)
        above = sum(row.n_above for row in far)
        outliers = sum(row.n_outliers_above for row in far)
        if above:
            sentences.append(
                say(
                    "{probe}: of the {above} random tokens above the threshold, {outliers} are "
                    "outliers in activation norm (over ten times the median).",
                    probe=probe.name,
                    above=count(above),
                    outliers=count(outliers),
                )
            )
    return sentences


@reading("notes")
def notes(probes: list[ProbeResults]) -> list[Markup]:
    """What the study itself warns of."""
    return [
        say("{probe}: {note}", probe=probe.name, note=note)
        for probe in probes
        for note in probe.verdict.get("warnings", [])
    ]
