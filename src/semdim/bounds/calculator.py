"""The published bound, term by term, from numbers alone: what `semdim bound` computes."""

import math
from dataclasses import dataclass

from semdim.bounds.concentration import hoeffding_width
from semdim.bounds.families.as_published import (
    PublishedTerms,
    as_published,
    published_crossing,
    published_terms,
)
from semdim.bounds.families.covering_dudley import covering_complexity
from semdim.bounds.families.holdout import holdout_from_mean
from semdim.bounds.quantities import loss_ceiling, loss_floor, loss_range
from semdim.bounds.result import Bound, SampleSize
from semdim.errors import ConfigError


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
            raise ConfigError("give proxy risk and gap together: the bound is their sum and more.")
        if self.model_risk is not None and self.n_documents is None:
            raise ConfigError("a certificate from the model's risk needs the number of documents.")


def quantities(question: Question) -> list[Line]:
    """V, B, ℓmin, Δ and SSD."""
    q = question
    terms = _terms(q)
    return [
        Line("baseline", terms.baseline, "bits", "log2 V, loss of a uniform guess"),
        Line(
            "loss_ceiling",
            loss_ceiling(q.vocab_size, q.smoothing),
            "bits",
            "B, largest smoothed loss",
        ),
        Line(
            "loss_floor",
            loss_floor(q.vocab_size, q.smoothing),
            "bits",
            "ℓmin, smallest smoothed loss",
        ),
        Line("loss_range", loss_range(q.vocab_size, q.smoothing), "bits", "Δ = B − ℓmin"),
        Line("ssd", terms.ssd, "nats", "sparse semantic dimension k ln(em/k)"),
    ]


def published_lines(question: Question, *, with_gap_tail: bool) -> list[Line]:
    """Family 1 or 2: its terms, the slack, and total and crossing where losses were measured."""
    q, terms = question, _terms(question)
    slack = terms.slack - (terms.gap_tail if with_gap_tail else 0.0)
    lines = [
        Line("complexity", terms.complexity, "bits", "4B√(SSD/N)"),
        Line("tail", terms.tail, "bits", "B√(ln(π²k²/6δ)/2N): the risk's finite data"),
    ]
    if with_gap_tail:
        lines.append(Line("gap_tail", terms.gap_tail, "bits", "B√(ln(1/δ)/2N): the gap's"))
    lines.append(Line("slack", slack, "bits", "proxy risk + gap must stay below this"))
    bound = _published(q, with_gap_tail)
    if bound is None:
        return lines
    verdict = "below" if bound.is_non_vacuous else "NOT below"
    lines.append(Line("total", bound.total, "bits", f"proxy risk + gap + terms, {verdict} log2 V"))
    risk_plus_gap = (bound.proxy_risk or 0.0) + (bound.gap or 0.0)
    if risk_plus_gap < terms.baseline:
        crossing = published_crossing(
            risk_plus_gap=risk_plus_gap,
            n_active=q.n_active,
            dict_size=q.dict_size,
            vocab_size=q.vocab_size,
            smoothing=q.smoothing,
            failure_prob=q.failure_prob,
            with_gap_tail=with_gap_tail,
        )
        lines.append(Line("crossing", crossing, "tokens", "N at which the total meets log2 V"))
    return lines


def covering_lines(question: Question) -> list[Line]:
    """Family 5, at ⌈k⌉, because its cover counts whole atoms."""
    q = question
    k = math.ceil(q.n_active)
    complexity = covering_complexity(
        n_active=k,
        dict_size=q.dict_size,
        n_tokens=q.n_tokens,
        vocab_size=q.vocab_size,
        smoothing=q.smoothing,
    )
    slack = _terms(q).baseline - complexity - _terms(q).tail
    return [
        Line("complexity", complexity, "bits", f"24B√((SSD + k(ln 3 + 1))/N) at k = {k}"),
        Line("slack", slack, "bits", "proxy risk + gap must stay below this"),
    ]


def holdout_lines(question: Question) -> list[Line]:
    """Family 4 (Hoeffding); empty when the number of documents was not given."""
    q = question
    if q.n_documents is None:
        return []
    span = loss_range(q.vocab_size, q.smoothing)
    tail = hoeffding_width(span, math.log(1.0 / q.failure_prob), q.n_documents)
    lines = [Line("tail", tail, "bits", f"Δ√(ln(1/δ)/2n) at n = {q.n_documents} documents")]
    if q.model_risk is not None:
        bound = holdout_from_mean(
            q.model_risk,
            size=SampleSize(q.n_tokens, None, q.n_documents, "document"),
            vocab_size=q.vocab_size,
            smoothing=q.smoothing,
            failure_prob=q.failure_prob,
        )
        verdict = "below" if bound.is_non_vacuous else "NOT below"
        lines.append(Line("total", bound.total, "bits", f"risk + tail, {verdict} log2 V"))
    return lines


def _terms(q: Question) -> PublishedTerms:
    return published_terms(
        n_active=q.n_active,
        dict_size=q.dict_size,
        n_tokens=q.n_tokens,
        vocab_size=q.vocab_size,
        smoothing=q.smoothing,
        failure_prob=q.failure_prob,
    )


def _published(q: Question, with_gap_tail: bool) -> Bound | None:
    if q.proxy_risk is None or q.gap is None:
        return None
    return as_published(
        proxy_risk=q.proxy_risk,
        gap=q.gap,
        n_active=q.n_active,
        dict_size=q.dict_size,
        size=SampleSize(q.n_tokens, None, q.n_documents, "token"),
        vocab_size=q.vocab_size,
        smoothing=q.smoothing,
        failure_prob=q.failure_prob,
        with_gap_tail=with_gap_tail,
    )
