"""The verdict in words, and what it is worth."""

from dataclasses import asdict
from typing import Any

from semdim.monitor.reading import Reading
from semdim.monitor.threshold import HOW_TO_GET_ONE


def verdict(reading: Reading) -> str:
    """One or two sentences: alarm or not, on what, by how much."""
    if not reading.sequences:
        return "Nothing was looked at: the text ended before its first token."
    largest = max(item.max_n_active for item in reading.sequences)
    at = next(t for t in reading.tokens if t.is_scored and t.n_active == largest)
    where = f"at position {at.position}{_in_sequence(reading, at.sequence)} ({at.text!r})"
    limit = reading.threshold
    if limit is None:
        return f"The largest n_active is {largest}, {where}. {HOW_TO_GET_ONE}"
    if not reading.alarm:
        return (
            f"No alarm: the largest n_active is {largest}, {where}, and the threshold is "
            f"{limit.max_n_active:g}."
        )
    parts = []
    n_sequences = sum(bool(item.max_alarm) for item in reading.sequences)
    if n_sequences:
        n_tokens = len(reading.flagged)
        tokens = "1 token has" if n_tokens == 1 else f"{n_tokens} tokens have"
        parts.append(
            f"{tokens} an n_active above the threshold of {limit.max_n_active:g}, the largest is "
            f"{largest} {where}"
        )
    moving = [item for item in reading.sequences if item.window_alarm]
    if moving:
        top = max(item.window_n_active or 0.0 for item in moving)
        parts.append(
            f"the mean over {limit.window} consecutive tokens reaches {top:.1f}, above its "
            f"threshold of {limit.window_n_active:.1f}"
        )
    text = "Alarm: " + "; ".join(parts) + "."
    if len(reading.sequences) > 1:
        n_alarms = sum(bool(i.max_alarm or i.window_alarm) for i in reading.sequences)
        text += f" {n_alarms} of {len(reading.sequences)} sequences raise it."
    return text


def conditions(reading: Reading) -> list[str]:
    """What the guarantee says and does not, for this very reading."""
    said: list[str] = []
    if not reading.is_complete:
        said.append("The generation was interrupted: this is what there was until then.")
    if reading.watched.constant_n_active:
        said.append(
            f"{reading.watched.sae} is a TopK SAE: every token has the same n_active, so that it "
            f"says nothing about a text."
        )
    limit = reading.threshold
    if limit is None:
        return said
    rate, twice = f"{limit.false_alarm_rate:g}", f"{2 * limit.false_alarm_rate:g}"
    said.append(limit.guarantee)
    said.append(
        f"There are two alarms, on the largest n_active and on the mean over {limit.window} "
        f"tokens; each keeps to {rate}, so either of them goes off with at most {twice}. Both "
        f"were calibrated on {limit.n_calibration} documents."
    )
    if any(item.n_scored < limit.context - 1 for item in reading.sequences):
        said.append(
            f"A sequence shorter than the {limit.context} tokens of the calibration can only raise "
            f"fewer alarms than its continuation would: the promise holds for it, and is slack."
        )
    if len(reading.sequences) > 1:
        said.append(
            f"The text was cut into {len(reading.sequences)} sequences of {limit.context} tokens, "
            f"as the pipeline cuts documents. The promise is for one of them drawn at random: of "
            f"the sequences of such texts at most {rate} are flagged on average, but some sequence "
            f"of a long text is flagged more often than that."
        )
    if any(token.is_generated for token in reading.tokens):
        said.append(
            "Calibration used text that people wrote. The promise covers text that a model "
            "writes only as far as it is like that."
        )
    ours, theirs = reading.watched.compute_dtype, limit.compute_dtype
    if theirs != ours:
        said.append(
            f"Calibrated in {theirs}, measured in {ours}: n_active may differ by a few, by "
            "rounding."
        )
    return said


def as_dict(reading: Reading) -> dict[str, Any]:
    """For JSON: every field, the verdict in words, and the conditions of the guarantee."""
    return {
        "alarm": reading.alarm,
        "verdict": verdict(reading),
        "conditions": conditions(reading),
        "text": reading.text,
        **asdict(reading),
    }


def _in_sequence(reading: Reading, sequence: int) -> str:
    return f" of sequence {sequence + 1}" if len(reading.sequences) > 1 else ""
