"""Families 1 and 2: the paper's bound as its experiment reads it. Neither is a certificate.

With SSD = k ln(em/k), B = log2(V/α), k a mean and N a number of tokens (paper, Eq. 17 and 21):

    total = R̂_S + ε̂ + 4B√(SSD/N) + B√(ln(π²k²/6δ)/2N)   [+ B√(ln(1/δ)/2N) for the gap, family 2]
"""

import math
from dataclasses import dataclass

from semdim.bounds.budget import Budget, FailureShare
from semdim.bounds.quantities import loss_ceiling, loss_floor, loss_range, sparse_semantic_dimension
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.validation import check_count, check_failure_prob, check_mean, check_n_active
from semdim.errors import ConfigError

SOURCE = "the paper, Theorem 1, Eq. 17 and 21, read as in its Figure 1"
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


def as_published(
    *,
    proxy_risk: float,
    gap: float,
    n_active: int | float,
    dict_size: int,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    with_gap_tail: bool = False,
    proxy: str = "sae",
) -> Bound:
    """Family 1, or family 2 with `with_gap_tail`. Not a certificate; see `FLAWS`.

    proxy_risk: mean smoothed loss of the proxy, bits per token. gap: mean over sequences of |g|,
    in bits. N is `size.n_tokens`, whatever `size.unit` says.
    """
    floor, ceiling = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    check_mean(proxy_risk, floor, ceiling, "proxy_risk")
    check_mean(gap, 0.0, loss_range(vocab_size, smoothing), "gap")
    terms = published_terms(
        n_active=n_active,
        dict_size=dict_size,
        n_tokens=size.n_tokens,
        vocab_size=vocab_size,
        smoothing=smoothing,
        failure_prob=failure_prob,
    )
    shares = [FailureShare("the risk, for all k (prior 6/(π²k²))", failure_prob)]
    if with_gap_tail:
        shares.append(FailureShare("the gap (on top: together 2δ)", failure_prob))
    return Bound(
        family="as_published_with_gap_tail" if with_gap_tail else "as_published",
        is_certificate=False,
        subject="risk of the model, as the paper claims it",
        size=SampleSize(size.n_tokens, size.n_sequences, size.n_documents, "token"),
        vocab_size=vocab_size,
        smoothing=smoothing,
        budget=Budget(failure_prob, tuple(shares)),
        assumptions=(
            *FLAWS,
            *(() if with_gap_tail else ("the gap on the sample is the gap on new text",)),
        ),
        source=SOURCE,
        proxy_risk=proxy_risk,
        gap=gap,
        complexity=terms.complexity,
        tail=terms.tail,
        gap_tail=terms.gap_tail if with_gap_tail else None,
        k=n_active,
        dict_size=dict_size,
        proxy=proxy,
        details={"ssd_nats": terms.ssd},
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
) -> float:
    """The N (tokens, real) at which family 1 or 2 equals log2 V with its statistics held fixed.

    All terms fall as 1/√N, so N = (c / (log2 V − R̂ − ε̂))² with c their sum at N = 1.
    Raises ConfigError when R̂ + ε̂ is not below log2 V: then no N is enough.
    """
    terms = published_terms(
        n_active=n_active,
        dict_size=dict_size,
        n_tokens=1,
        vocab_size=vocab_size,
        smoothing=smoothing,
        failure_prob=failure_prob,
    )
    room = terms.baseline - risk_plus_gap
    if not room > 0.0:
        raise ConfigError(
            f"proxy risk + gap = {risk_plus_gap:.6g} bits is not below log2 V = "
            f"{terms.baseline:.6g}, so no sample size makes the published bound non-vacuous."
        )
    cost = terms.complexity + terms.tail + (terms.gap_tail if with_gap_tail else 0.0)
    return (cost / room) ** 2
