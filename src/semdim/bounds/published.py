"""The paper's Eq. 17 and 21 as numbers: terms, the N at which they meet log2 V, what is wrong.

With SSD = k ln(em/k), B = log2(V/α), k a mean and N a number of tokens:

    total = R̂_S + ε̂ + 4B√(SSD/N) + B√(ln(π²k²/6δ)/2N)   [+ B√(ln(1/δ)/2N) for the gap]
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.family import BoundFacts
from semdim.bounds.quantities import loss_ceiling, sparse_semantic_dimension
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import common
from semdim.bounds.validation import check_count, check_failure_prob, check_n_active
from semdim.errors import ConfigError, DataError

FLAWS = (
    "the N tokens are independent (they are not: a document's tokens share an author)",
    "k is the same at every token (the experiment plugs in a mean)",
    "the Rademacher complexity is at most 2√(SSD/N), which Eq. 20 asserts up to a constant",
    "Theorem 1 holds for all S in H_k (it does not: a memorising encoder breaks it at k = 1)",
)


@dataclass(frozen=True)
class PublishedTerms:
    """What the published bound adds to the measured losses, in bits, and the SSD, in nats."""

    ssd: float
    """Sparse semantic dimension, in nats."""
    complexity: float
    """4B√(SSD/N)."""
    tail: float
    """B√(ln(π²k²/6δ)/2N)."""
    gap_tail: float
    """B√(ln(1/δ)/2N): the concentration of the gap, which the paper leaves out."""
    baseline: float
    """log2 V."""

    @property
    def slack(self) -> float:
        """What R̂_S + ε̂ must stay below for the published bound to beat log2 V (Eq. 24)."""
        return self.baseline - self.complexity - self.tail


def published_terms(
    *,
    n_active: int | float,
    dict_size: int,
    n_tokens: int,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
) -> PublishedTerms:
    """The complexity and tail terms of Eq. 17. k may be fractional: the paper plugs in a mean.

    Raises ConfigError for k < 1 (the prior 6/(π²k²) starts at 1) or k > m, δ or α outside (0, 1);
    DataError for n_tokens < 1.
    """
    check_failure_prob(failure_prob)
    check_count(n_tokens, "n_tokens")
    check_n_active(n_active, dict_size, least=1.0)
    ceiling = loss_ceiling(vocab_size, smoothing)
    ssd = sparse_semantic_dimension(n_active, dict_size)
    log_prior = math.log(math.pi**2 * n_active**2 / (6.0 * failure_prob))
    return PublishedTerms(
        ssd=ssd,
        complexity=4.0 * ceiling * math.sqrt(ssd / n_tokens),
        tail=ceiling * math.sqrt(log_prior / (2.0 * n_tokens)),
        gap_tail=ceiling * math.sqrt(math.log(1.0 / failure_prob) / (2.0 * n_tokens)),
        baseline=math.log2(vocab_size),
    )


def published_crossing(
    *,
    risk_plus_gap: float,
    n_active: int | float,
    dict_size: int,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    with_gap_tail: bool = False,
    baseline: float | None = None,
) -> float:
    """The N (tokens, real) at which family 1 or 2 equals a baseline with its statistics held fixed.

    All terms fall as 1/√N, so N = (c / (baseline − R̂ − ε̂))² with c their sum at N = 1. The
    baseline, in bits, is log2 V where none is given (`semdim.bounds.unigram` has a stronger one).
    Raises ConfigError when R̂ + ε̂ is not below it: then no N is enough.
    """
    terms = published_terms(
        n_active=n_active,
        dict_size=dict_size,
        n_tokens=1,
        vocab_size=vocab_size,
        smoothing=smoothing,
        failure_prob=failure_prob,
    )
    limit, name = (terms.baseline, "log2 V") if baseline is None else (baseline, "the baseline")
    room = limit - risk_plus_gap
    if not room > 0.0:
        raise ConfigError(
            f"proxy risk + gap = {risk_plus_gap:.6g} bits is not below {name} = "
            f"{limit:.6g}, so no sample size makes the published bound non-vacuous."
        )
    cost = terms.complexity + terms.tail + (terms.gap_tail if with_gap_tail else 0.0)
    return (cost / room) ** 2


def published_statistics(
    table: SequenceTable, facts: BoundFacts, spec: BoundSpec
) -> dict[str, Any]:
    """What the paper measures, as arguments of the families that read it: means over all sequences,
    N = tokens, δ undivided.

    Raises:
        DataError: the ledger has no codes, so that there is no mean k, or its mean k is below 1.
    """
    proxy = spec.point_proxy
    k = table.mean_n_active(spec.k_positions) if spec.k is None else spec.k
    if k < 1:
        raise DataError(
            f"the mean k of the sample is {k:.4g}, but the paper's prior over k starts at 1."
        )
    return common(table, facts, spec) | {
        "proxy_risk": float(table.losses[proxy].mean()),
        "gap": float(np.abs(table.losses["model"] - table.losses[proxy]).mean()),
        "n_active": k,
        "dict_size": facts.dict_size,
        "size": table.by_unit("sequence").size,
        "proxy": proxy,
    }
