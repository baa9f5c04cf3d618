"""Bounds from numbers alone: what `semdim bound` is asked, and the lines that it prints.

The families that can be calculated so say it in their registration (`semdim.bounds.family`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from semdim.bounds.quantities import (
    loss_ceiling,
    loss_floor,
    loss_range,
    sparse_semantic_dimension,
)
from semdim.bounds.validation import check_count
from semdim.errors import ConfigError

LARGEST = 10**18
"""Of every count: 64 bits, and exact enough as a float."""


@dataclass(frozen=True)
class Line:
    """One printed number."""

    name: str
    value: float
    unit: str
    words: str


@dataclass(frozen=True)
class Question:
    """What the calculator is asked. Means in bits per token; None: not measured."""

    vocab_size: int
    smoothing: float
    n_active: float
    dict_size: int
    n_tokens: int
    failure_prob: float
    proxy_risk: float | None = None
    gap: float | None = None
    model_risk: float | None = None
    n_documents: int | None = None

    def __post_init__(self) -> None:
        if (self.proxy_risk is None) != (self.gap is None):
            raise ConfigError("Give proxy risk and gap together: the bound is their sum and more.")
        counts = ("vocab_size", "dict_size", "n_tokens", "n_documents")
        for name in counts:
            value = getattr(self, name)
            if value is not None and not 1 <= value <= LARGEST:
                raise ConfigError(
                    f"{name} = {value:.3g} must be from 1 to {LARGEST:,}."
                    if value.bit_length() < 1000
                    else f"{name} has too many digits: it must be from 1 to {LARGEST:,}."
                )
        if self.model_risk is not None and self.n_documents is None:
            raise ConfigError("A certificate from the model's risk needs the number of documents.")
        if self.n_documents is not None and self.n_documents > self.n_tokens:
            raise ConfigError(
                f"n_documents = {self.n_documents} must be at most n_tokens = {self.n_tokens}: "
                "every document holds a token."
            )


@dataclass(frozen=True)
class Calculation:
    """How a family answers a question."""

    title: str
    """What is calculated, as a heading."""
    lines: Callable[[Question], Sequence[Line]]
    """The answer; empty when the question does not hold what it takes."""


def quantities(question: Question) -> list[Line]:
    """log2 V, B, ℓmin, Δ in bits, SSD in nats, and √(SSD/N)."""
    q = question
    check_count(q.n_tokens, "n_tokens")
    model = (q.vocab_size, q.smoothing)
    ssd = sparse_semantic_dimension(q.n_active, q.dict_size)
    return [
        Line("baseline", math.log2(q.vocab_size), "bits", "log2 V, loss of a uniform guess"),
        Line("loss_ceiling", loss_ceiling(*model), "bits", "B, largest smoothed loss"),
        Line("loss_floor", loss_floor(*model), "bits", "ℓmin, smallest smoothed loss"),
        Line("loss_range", loss_range(*model), "bits", "Δ = B − ℓmin"),
        Line("ssd", ssd, "nats", "sparse semantic dimension k ln(em/k)"),
        Line("ssd_root", math.sqrt(ssd / q.n_tokens), "", "√(SSD/N), which the paper calls ≪ 1"),
    ]
