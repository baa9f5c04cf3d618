"""What the bounds refuse, each with one sentence: no value is ever clipped, dropped or guessed."""

import math
from collections.abc import Iterable

import numpy as np

from semdim.bounds.shares import Choices, PointShare
from semdim.errors import ConfigError, DataError

ROUNDING = 1e-6
"""Bits by which a loss may leave its range: what float32 arithmetic explains, and no more."""


def check_failure_prob(failure_prob: float, name: str = "failure_prob") -> None:
    """Refuse a δ outside (0, 1) with ConfigError."""
    if not 0.0 < failure_prob < 1.0:
        raise ConfigError(f"{name} must lie strictly between 0 and 1, got {failure_prob}.")


def divided(failure_prob: float, n_choices: Choices) -> float:
    """δ/J for J = `n_choices` predeclared points, or a point's own part of δ.

    ConfigError for a bad δ, a J that is no integer ≥ 1, or a part outside (0, 1].
    """
    check_failure_prob(failure_prob)
    if isinstance(n_choices, PointShare):
        if not 0.0 < n_choices.weight <= 1.0:
            raise ConfigError(f"A point's part of δ must lie in (0, 1], got {n_choices.weight}.")
        return failure_prob * n_choices.weight
    if n_choices != int(n_choices) or n_choices < 1:
        raise ConfigError(f"δ is divided among a whole number of points, got {n_choices}.")
    return failure_prob / n_choices


def check_bet_cap(cap: float) -> None:
    """Refuse a part of the capital outside (0, 1) with ConfigError."""
    if not 0.0 < cap < 1.0:
        raise ConfigError(f"bet_cap must lie strictly between 0 and 1, got {cap}.")


def check_smoothing(smoothing: float) -> None:
    """Refuse an α outside (0, 1) with ConfigError."""
    if not 0.0 < smoothing < 1.0:
        raise ConfigError(f"smoothing must lie strictly between 0 and 1, got {smoothing}.")


def check_vocab_size(vocab_size: int) -> None:
    """Refuse a vocabulary of fewer than two tokens with ConfigError."""
    if vocab_size != int(vocab_size) or vocab_size < 2:
        raise ConfigError(f"vocab_size must be an integer of at least 2, got {vocab_size}.")


def check_count(count: int | float, name: str, least: int = 1, why: str = "") -> None:
    """Refuse a sample size that is not an integer of at least `least` with DataError."""
    if count != count or count != int(count) or count < least:
        reason = f" ({why})" if why else ""
        raise DataError(f"{name} must be an integer of at least {least}{reason}, got {count}.")


def check_n_active(k: int | float, dict_size: int, *, least: float = 0.0) -> None:
    """Refuse a k outside (0, m], or below `least`, with ConfigError."""
    if dict_size != int(dict_size) or dict_size < 1:
        raise ConfigError(f"dict_size must be a positive integer, got {dict_size}.")
    if not (0.0 < k <= dict_size and k >= least):
        low = f"at least {least:g}" if least else "positive"
        raise ConfigError(
            f"k (active atoms per token) must be {low} and at most the dictionary size "
            f"{dict_size}, got {k}."
        )


def check_integer_k(k: int | float, why: str) -> int:
    """k as an int; a fractional k is refused with ConfigError, because `why`."""
    if isinstance(k, bool) or k != k or math.isinf(k) or k != int(k):
        raise ConfigError(f"k must be an integer here, because {why}; got {k}.")
    return int(k)


def check_pool_size(pool_size: int, dict_size: int) -> None:
    """Refuse a pool with more atoms than the dictionary, or fewer than one, with ConfigError."""
    if pool_size != int(pool_size) or not 1 <= pool_size <= dict_size:
        raise ConfigError(
            f"A pool must hold between 1 and dict_size = {dict_size} atoms, got {pool_size}."
        )


def check_mean(value: float, low: float, high: float, name: str) -> None:
    """Refuse a mean that is NaN or outside [low, high] by more than rounding, with DataError."""
    if not low - ROUNDING <= value <= high + ROUNDING:
        raise DataError(f"{name} must lie in [{low:.6g}, {high:.6g}], got {value}.")


def check_values(values: np.ndarray, low: float, high: float, name: str, least: int = 1) -> None:
    """Refuse a vector that is empty, not finite, or leaves [low, high], with DataError.

    `values` has shape [n]; `least` is the smallest n for which the caller's statement is defined.
    """
    if values.ndim != 1:
        raise DataError(f"{name} must be a vector with one value per unit, got {values.ndim} axes.")
    if len(values) < least:
        raise DataError(f"{name} holds {len(values)} values, but at least {least} are needed.")
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise DataError(f"{name} holds {bad} values that are NaN or infinite.")
    lowest, highest = float(values.min()), float(values.max())
    if lowest < low - ROUNDING or highest > high + ROUNDING:
        raise DataError(
            f"{name} must lie in [{low:.6g}, {high:.6g}], but reaches from {lowest:.6g} to "
            f"{highest:.6g}; check smoothing and vocab_size."
        )


def check_disjoint(calibration: Iterable[object], sample: Iterable[object]) -> None:
    """Refuse a calibration split that shares a document with the sample, with DataError."""
    shared = set(calibration) & set(sample)
    if shared:
        names = ", ".join(str(name) for name in sorted(shared, key=str)[:3])
        raise DataError(
            f"The calibration split shares {len(shared)} documents with the sample (for example "
            f"{names}); what is fixed on it must come from other documents."
        )
