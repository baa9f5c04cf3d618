"""What the guardrail promises and catches, beside the paper’s fixed rule."""

from typing import Any

from markupsafe import Markup

from semdim.report.sentences import reading
from semdim.report.wording import count, join, num, say, small
from semdim.results.read import ProbeResults

TABLE, GUARDRAIL, VERDICT = "uncertainty.csv", "guardrail.json", "verdict.json"
TRIVIAL = "unigram_nll"


@reading("guarded", figure="guardrail")
def guarded(probes: list[ProbeResults]) -> list[Markup]:
    """The promise of the guardrail, what was measured, and what it catches."""
    sentences = []
    for probe in probes:
        facts = probe.guardrail
        if facts.get("threshold") is None or facts.get("false_alarm_rate") is None:
            continue
        sentences.append(
            say(
                "{probe}: an alarm when any token has more than {threshold} active atoms promises "
                "at most {promised} false alarms on fresh in-distribution text (calibrated on "
                "{n} documents, one sequence each); on held-out documents it was {measured}.",
                probe=probe.name,
                threshold=num(facts["threshold"], 0, GUARDRAIL),
                promised=small(facts["false_alarm_rate"], GUARDRAIL),
                n=count(facts.get("n_calibration", 0), GUARDRAIL),
                measured=small(facts.get("measured_false_alarm_rate", 0.0), GUARDRAIL),
            )
        )
        detection = facts.get("detection_rate") or {}
        caught = [
            say("{corpus} {rate}", corpus=corpus, rate=small(rate, GUARDRAIL))
            for corpus, rate in detection.items()
        ]
        if caught:
            promised = float(facts["false_alarm_rate"])
            useless = [corpus for corpus, rate in detection.items() if float(rate) <= promised]
            end = (
                say(" On {which} that is no more than false alarms alone.", which=join(useless))
                if useless
                else Markup("")
            )
            sentences.append(say("Sequences caught: {caught}.", caught=join(caught)) + end)
    return sentences


def _claim(
    probe: ProbeResults, rows: list[dict[str, Any]], far: list[dict[str, Any]]
) -> list[Markup]:
    """What the paper's 100 % comes to, next to a threshold with a known false-alarm rate."""
    familiar = [row for row in rows if row.get("role") == "id"]
    detection = probe.guardrail.get("detection_rate") or {}
    if not far or not familiar or any(row["corpus"] not in detection for row in far):
        return []
    return [
        say(
            "The paper’s “100 %” amounts here to {caught} at a false-alarm rate of {false} on "
            "{familiar}; the calibrated threshold of {threshold} catches {instead} at {measured}.",
            caught=join(
                [
                    say(
                        "{rate} of {corpus}",
                        rate=small(row["sequence_rate"], GUARDRAIL),
                        corpus=row["corpus"],
                    )
                    for row in far
                ]
            ),
            false=small(familiar[0]["sequence_rate"], GUARDRAIL),
            familiar=familiar[0]["corpus"],
            threshold=num(probe.guardrail["threshold"], 0, GUARDRAIL),
            instead=join([small(detection[row["corpus"]], GUARDRAIL) for row in far]),
            measured=small(probe.guardrail.get("measured_false_alarm_rate", 0.0), GUARDRAIL),
        )
    ]


@reading("fixed_rule")
def fixed_rule(probes: list[ProbeResults]) -> list[Markup]:
    """The paper's k > 500 on this data, position 0 left out, beside Cantelli's inequality."""
    sentences = []
    for probe in probes:
        rule = probe.guardrail.get("fixed_rule") or {}
        rows = [row for row in rule.get("corpora", []) if row.get("positions") == "without_bos"]
        if not rows:
            continue
        parts = [
            say(
                "{corpus} {tokens} of tokens (Cantelli allows {allowed}), {sequences} of sequences",
                corpus=row["corpus"],
                tokens=small(row["token_rate"], GUARDRAIL),
                allowed=small(row["token_rate_bound"], GUARDRAIL),
                sequences=small(row["sequence_rate"], GUARDRAIL),
            )
            for row in rows
        ]
        far = [row for row in rows if row.get("role") == "far"]
        complete = bool(far) and all(float(row["sequence_rate"]) >= 1.0 for row in far)
        sentences.append(
            say(
                "{probe}: {rule} is met by {parts}. {verdict}",
                probe=probe.name,
                rule=rule.get("rule", "n_active > 500"),
                parts=join(parts, "; and "),
                verdict=""
                if not far
                else "Here the rule does flag every sequence of random tokens."
                if complete
                else "Here the rule does not flag every sequence of random tokens.",
            )
        )
        sentences += _claim(probe, rows, far)
        above = sum(int(row.get("n_above", 0)) for row in far)
        outliers = sum(int(row.get("n_outliers_above", 0)) for row in far)
        if above:
            sentences.append(
                say(
                    "Of the {above} random tokens above it, {outliers} are outliers of the "
                    "activation’s norm (over ten times the median).",
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
