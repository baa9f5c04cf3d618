"""Lemma 2, Dudley's integral and the Rademacher complexity: Eq. 14–16, 19 and 20, with constants.

The set of reconstructions is a union of balls of radius C in k dimensions. What it takes to cover
it at scale γ is its metric entropy, in nats:

    ln N(γ) ≤ SSD + k ln(aC/γ)      a = 1 in Eq. 14; a = 3 is what a ball needs (γ ≤ C)

Chaining over the scales turns that into the Rademacher complexity of the loss, in bits, if the loss
moves over its range B no faster than the reconstruction over its radius C (nobody verified that):

    R_N ≤ 12B/√N · ∫₀¹ √(SSD + k ln(a/u)) du  ≤  12B·√((SSD + k(ln a + 1))/N)

The integral has a closed form; what follows it is Jensen's inequality with ∫ ln(1/u) du = 1. Eq. 17
takes 2R_N = 4B√(SSD/N) instead.
"""

import math
from typing import Literal

from semdim.bounds.quantities import loss_ceiling, sparse_semantic_dimension
from semdim.bounds.validation import check_count
from semdim.errors import ConfigError

BALL = 3.0
"""a: a ball of radius C in k dimensions is covered by (3C/γ)^k balls of radius γ ≤ C."""
PAPER = 1.0
"""a of Eq. 14 to 16, with which (C/γ)^k is no cover: it is the volume's lower bound."""
CHAINING = 12.0
"""Dudley's constant."""

Reading = Literal["published", "exact", "jensen"]


def metric_entropy(
    scale: float,
    n_active: int | float,
    dict_size: int,
    radius: float,
    *,
    covering_constant: float = PAPER,
) -> float:
    """ln N(γ, H_k, ‖·‖₂) ≤ k ln(em/k) + k ln(aC/γ), in nats (paper, Lemma 2, Eq. 14 to 16).

    Args:
        scale: γ, in (0, C]: radius of the balls that cover, in units of the activation's norm.
        n_active: k; may be fractional, as the paper's mean is.
        dict_size: m.
        radius: C, the largest norm of a reconstruction, in the same units.
        covering_constant: a: `PAPER` as Eq. 14 has it, `BALL` for a number that is proved.

    Raises:
        ConfigError: C is not positive and finite, γ not in (0, C], k not in (0, m], a below 1.
    """
    if not (math.isfinite(radius) and radius > 0.0):
        raise ConfigError(f"radius must be a finite number above 0, got {radius}.")
    if not 0.0 < scale <= radius:
        raise ConfigError(f"scale must be in (0, radius] = (0, {radius:g}], got {scale}.")
    _check_constant(covering_constant)
    ssd = sparse_semantic_dimension(n_active, dict_size)
    return ssd + n_active * math.log(covering_constant * (radius / scale))


def dudley_integral(
    n_active: int | float, dict_size: int, *, covering_constant: float = BALL
) -> float:
    """∫₀¹ √(ln N(uC)) du, in √nats: Dudley's integral of `metric_entropy` in units of C.

    With s = SSD + k ln a it is √s + ½√(πk)·exp(s/k)·erfc(√(s/k)). Raises ConfigError as
    `metric_entropy`.
    """
    _check_constant(covering_constant)
    nats = sparse_semantic_dimension(n_active, dict_size) + n_active * math.log(covering_constant)
    ratio = nats / n_active
    return math.sqrt(nats) + 0.5 * math.sqrt(math.pi * n_active) * _scaled_erfc(ratio)


def dudley_jensen(
    n_active: int | float, dict_size: int, *, covering_constant: float = BALL
) -> float:
    """√(SSD + k(ln a + 1)), in √nats: Jensen's upper bound on `dudley_integral`. Raises as it."""
    _check_constant(covering_constant)
    ssd = sparse_semantic_dimension(n_active, dict_size)
    return math.sqrt(ssd + n_active * (math.log(covering_constant) + 1.0))


def rademacher_complexity(
    *,
    n_active: int | float,
    dict_size: int,
    n_samples: int,
    vocab_size: int,
    smoothing: float,
    reading: Reading = "exact",
) -> float:
    """R_N(F_k), in bits, of Eq. 19, where it stands with a factor of 2.

    Args:
        n_active: k.
        dict_size: m.
        n_samples: N, what is taken to be independent: tokens in the paper's experiment.
        vocab_size: V.
        smoothing: α.
        reading: ``published`` 2B√(SSD/N), which Eq. 17 makes of Eq. 20; ``exact``
            12B/√N · `dudley_integral`; ``jensen`` the same with `dudley_jensen`.

    Raises:
        ConfigError: k not in (0, m], α not in (0, 1), an unknown reading.
        DataError: n_samples below 1.
    """
    check_count(n_samples, "n_samples")
    per_sample = loss_ceiling(vocab_size, smoothing) / math.sqrt(n_samples)
    if reading == "published":
        return 2.0 * per_sample * math.sqrt(sparse_semantic_dimension(n_active, dict_size))
    if reading == "exact":
        return CHAINING * per_sample * dudley_integral(n_active, dict_size)
    if reading == "jensen":
        return CHAINING * per_sample * dudley_jensen(n_active, dict_size)
    raise ConfigError(f"reading must be published, exact or jensen, got {reading!r}.")


def _check_constant(covering_constant: float) -> None:
    if not (math.isfinite(covering_constant) and covering_constant >= 1.0):
        raise ConfigError(
            f"covering_constant must be a finite number of at least 1, got {covering_constant}."
        )


def _scaled_erfc(square: float) -> float:
    """exp(x²)·erfc(x) at x = √square, which must not underflow where m/k is astronomical."""
    if square < 600.0:
        return math.exp(square) * math.erfc(math.sqrt(square))
    return (1.0 - 0.5 / square + 0.75 / square**2) / math.sqrt(math.pi * square)
