"""The verdict in words, and what it is worth."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from semdim.monitor.reading import Look, Reading, SequenceReading
from semdim.monitor.selection_words import selection_conditions, selection_verdict
from semdim.monitor.threshold import HOW_TO_GET_ONE, Threshold
from semdim.uncertainty.alarm_words import statistic_in_words
from semdim.uncertainty.spec import UncertaintySpec


def name_of(reading: Reading, statistic: str | None = None) -> str:
    """A statistic's name, such as "25 % quantile"; None: the one that is shown of each token."""
    limit = reading.threshold
    moving = UncertaintySpec.window if limit is None else limit.alarm.moving_length
    return statistic_in_words(statistic or reading.statistic, moving)


def closest(sequences: Iterable[SequenceReading]) -> tuple[SequenceReading, Look] | None:
    """The look that is highest in proportion to its threshold; None when there is no look."""
    pairs = [(item, look) for item in sequences for look in item.looks]
    if not pairs:
        return None
    return max(pairs, key=lambda pair: (pair[1].is_above, _share(pair[1])))


def _share(look: Look) -> float:
    if look.threshold > 0:
        return look.value / look.threshold
    return float("inf") if look.value > 0 else 0.0


def verdict(reading: Reading) -> str:
    """Alarm or not, on what, by how much; and what there is beyond the promise."""
    if not reading.sequences:
        return "Nothing was examined, because the text ended before its first token."
    limit, selection = reading.threshold, reading.selection
    if selection is not None:
        return f"{selection_verdict(reading, selection)} {_summary(reading)}"
    if limit is None:
        return f"{_summary(reading)} {HOW_TO_GET_ONE}"
    text = _judgement(reading, limit)
    beyond = [item for item in reading.sequences if not item.is_promised]
    if beyond:
        above = reading.above_beyond_promise
        text += (
            f" The promise ends there: of {_count(len(beyond), 'further sequence')}, "
            f"{above or 'none'} {'is' if above < 2 else 'are'} above a threshold."
        )
    return text


def _summary(reading: Reading) -> str:
    """What k is, without a judgement."""
    largest = max(item.max_n_active for item in reading.sequences)
    at = next(t for t in reading.tokens if t.is_scored and t.n_active == largest)
    where = f"position {at.position}{_of_sequence(reading, at.sequence)} ({at.text!r})"
    if len(reading.sequences) == 1:
        level = f"The {name_of(reading)} of k is {reading.sequences[0].level:.1f}, its largest"
        return f"{level} value {largest} at {where}."
    return f"The largest k is {largest}, at {where}."


def _judgement(reading: Reading, limit: Threshold) -> str:
    promised = [item for item in reading.sequences if item.is_promised]
    found = closest(promised)
    if found is None:
        first = min(look.n_tokens for look in limit.limits)
        return (
            f"Too short to judge: the text has {_count(reading.sequences[0].n_scored, 'token')}, "
            f"and the first look is after {first}. {_summary(reading)}"
        )
    if reading.alarm:  # the first that raised it is more telling than the highest
        found = next((one, look) for one in promised for look in one.looks if look.is_above)
    item, look = found
    level = (
        f"the {name_of(reading, look.statistic)} of k is {look.value:.1f} after {look.n_tokens} "
        f"tokens{_of_sequence(reading, item.sequence)}"
    )
    if not reading.alarm:
        looks = _count(sum(len(one.looks) for one in promised), "look")
        return f"No alarm in {looks}. The closest: {level}, and the threshold {look.threshold:.1f}."
    text = f"Alarm: {level}, above its threshold of {look.threshold:.1f}."
    if len(promised) > 1:
        n_above = sum(one.is_above for one in promised)
        text += f" {n_above} of {len(promised)} sequences raise it."
    return text


def conditions(reading: Reading) -> list[str]:
    """What the guarantee says and does not, for this very reading."""
    said: list[str] = []
    if not reading.is_complete:
        said.append("The generation was interrupted; this is the text generated so far.")
    if reading.watched.constant_n_active:
        said.append(
            f"{reading.watched.sae} is a TopK SAE: every token has the same n_active, so n_active "
            "says nothing about a text."
        )
    if reading.selection is not None:
        return said + selection_conditions(reading, reading.selection)
    limit = reading.threshold
    if limit is None:
        return said
    said.append(limit.guarantee)
    said.append(_calibration(limit))
    n_tokens = limit.provenance.context - 1
    if len(reading.sequences) == 1 and len(reading.tokens) - 1 < n_tokens:
        said.append(
            f"The text ends after {len(reading.tokens) - 1} of the {n_tokens} tokens of a "
            "sequence. It is checked less often than its continuation would be, so it raises "
            "fewer false alarms than promised."
        )
    if any(not item.is_promised for item in reading.sequences):
        promised = limit.alarm.sequences_per_document
        said.append(
            f"The promise covers the first {promised} full sequences of {n_tokens} tokens of a "
            "text. Further ones, and a last one that is not full, are compared with the same "
            "thresholds, but do not count as an alarm: the more of them, the more often some "
            "sequence of ordinary text is above."
        )
    if any(token.is_generated for token in reading.tokens):
        said.append(
            "Calibration used text that people wrote. The promise covers text written by a model "
            "only as far as it resembles that text."
        )
    ours, theirs = reading.watched.compute_dtype, limit.provenance.compute_dtype
    if theirs != ours:
        said.append(
            f"Calibrated in {theirs}, measured in {ours}: n_active may differ slightly because of "
            "rounding."
        )
    return said


def _calibration(limit: Threshold) -> str:
    alarm = limit.alarm
    documents = f"{limit.n_calibration} documents"
    if limit.group is not None:
        documents += f" of the group {limit.group!r}"
    text = f"The thresholds were calibrated on {documents}"
    if alarm.n_choice:
        text += f"; {alarm.n_choice} others chose the statistic and its scale"
    if limit.with_confidence or limit.group is not None:
        return text + "."
    return (
        f"{text}. With this one calibration the rate may be higher: in a share of "
        f"{alarm.confidence:g} of all calibrations it stays under "
        f"{alarm.false_alarm_rate_given_calibration:.3g}."
    )


def as_dict(reading: Reading) -> dict[str, Any]:
    """For JSON: every field, the verdict in words, and the conditions of the guarantee."""
    return {
        "alarm": reading.alarm,
        "above_beyond_promise": reading.above_beyond_promise,
        "n_compared": len(reading.compared),
        "n_held_back": len(reading.held_back),
        "verdict": verdict(reading),
        "conditions": conditions(reading),
        "text": reading.text,
        **asdict(reading),
    }


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _of_sequence(reading: Reading, sequence: int) -> str:
    return f" of sequence {sequence + 1}" if len(reading.sequences) > 1 else ""
