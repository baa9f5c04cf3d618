"""The alarm in words: its rule, and what is promised of it."""

from collections.abc import Sequence

from semdim.uncertainty.guardrail import Limit
from semdim.uncertainty.level import LEVEL_STATISTICS, MOVING

GUARANTEE = (
    "If the calibration documents and a new document are exchangeable (drawn alike from the same "
    "source, and cut alike into sequences of {n_tokens} tokens after BOS), the chance that the new "
    "document raises the alarm, in any of its first {n_sequences} sequences and at any look, is at "
    "most {rate:g}{how}. {rest}"
)
REST = (
    "Position 0 and BOS tokens are never looked at. Nothing is promised of later sequences of a "
    "document, of an incomplete one after the first, of text from another source, or of detection."
)


def statistic_in_words(name: str, moving_length: int) -> str:
    """A statistic's name for a reader, such as "25 % quantile"."""
    if name == MOVING:
        return f"largest mean over {moving_length} tokens"
    return LEVEL_STATISTICS[name].words.removesuffix(" of a sequence")


def listed(items: Sequence[object], last: str) -> str:
    """1, 2 and 3."""
    texts = [str(item) for item in items]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {last} {texts[-1]}"


def first_sequences(n: int) -> str:
    """Which sequences of a document the promise is about."""
    return "the first sequence" if n == 1 else f"any of the first {n} sequences"


def rule_in_words(limits: Sequence[Limit], moving_length: int, n_sequences: int) -> str:
    """When there is an alarm."""
    names = dict.fromkeys(limit.statistic for limit in limits)
    looks = dict.fromkeys(limit.n_tokens for limit in limits)
    what = listed([f"the {statistic_in_words(name, moving_length)}" for name in names], "or")
    return (
        f"alarm when {what} of n_active is above its threshold after {listed(list(looks), 'or')} "
        f"tokens of {first_sequences(n_sequences)} of a document"
    )


def guarantee(n_sequences: int, n_tokens: int, rate: float) -> str:
    """The promise on average over calibrations."""
    return GUARANTEE.format(
        n_sequences=n_sequences,
        n_tokens=n_tokens,
        rate=rate,
        how=", on average over calibration samples",
        rest=REST,
    )


def guarantee_with_confidence(
    n_sequences: int, n_tokens: int, rate: float, confidence: float
) -> str:
    """The promise for one calibration sample."""
    text = GUARANTEE.format(
        n_sequences=n_sequences,
        n_tokens=n_tokens,
        rate=rate,
        how=f", for a share of {confidence:g} of all calibration samples",
        rest=REST,
    )
    return text.replace("are exchangeable", "are independent")
