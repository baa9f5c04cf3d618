"""Family 5: what Eq. 20 costs when its constants are kept. A diagnostic, not a certificate.

The covering number of Lemma 2 (honestly (3C/γ)^k for a ball of radius C in k dimensions) in
Dudley's integral (`semdim.bounds.entropy`), with 12 from the chaining and 2 from the
symmetrisation, and Jensen with ∫ ln(1/u) du = 1 on (0, 1]:

    2·R_N ≤ 24B·∫√((SSD + k ln(3/u))/N) du ≤ 24B√((SSD + k(ln 3 + 1))/N)

The total has the right-hand side, which is as simple to check as the paper's own; the integral
itself stands beside it, and is smaller by a part in a thousand.

No certificate, because it takes the loss to move over its whole range B at most as fast as the
reconstruction moves over its radius C, which nobody verified, and because it covers the set of
reconstructions of one activation, not the set of encoders on N of them.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare
from semdim.bounds.calculator import Calculation, Line, Question
from semdim.bounds.entropy import BALL, Reading, metric_entropy, rademacher_complexity
from semdim.bounds.estimand import as_the_paper_reads_it
from semdim.bounds.family import BoundFacts, Family, Kind, register
from semdim.bounds.published import FLAWS, published_statistics
from semdim.bounds.published_terms import published_terms
from semdim.bounds.quantities import loss_ceiling, loss_floor, loss_range
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.spec import BoundSpec
from semdim.bounds.validation import (
    check_count,
    check_failure_prob,
    check_integer_k,
    check_mean,
    check_n_active,
)

SOURCE = "the paper, Lemma 2 and Eq. 20, with Dudley's constants kept"
READINGS: tuple[Reading, Reading] = ("jensen", "exact")
WHY_INTEGER = "the cover counts subspaces of k whole atoms"


def covering_complexity(
    *,
    n_active: int | float,
    dict_size: int,
    n_tokens: int,
    vocab_size: int,
    smoothing: float,
    reading: Reading = "jensen",
) -> float:
    """2R_N, in bits: 24B√((SSD + k(ln 3 + 1))/N), or with the integral itself (``exact``).

    Raises ConfigError for a k that is no integer ≥ 1, or above m.
    """
    k = check_integer_k(n_active, WHY_INTEGER)
    check_n_active(k, dict_size, least=1.0)
    check_count(n_tokens, "n_tokens")
    return 2.0 * rademacher_complexity(
        n_active=k,
        dict_size=dict_size,
        n_samples=n_tokens,
        vocab_size=vocab_size,
        smoothing=smoothing,
        reading=reading,
    )


def covering_dudley(
    *,
    proxy_risk: float,
    gap: float,
    n_active: int | float,
    dict_size: int,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    proxy: str = "sae",
) -> Bound:
    """Family 5: family 1 with the complexity term above. Means in bits; N = size.n_tokens."""
    check_failure_prob(failure_prob)
    floor, ceiling = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    check_mean(proxy_risk, floor, ceiling, "proxy_risk")
    check_mean(gap, 0.0, loss_range(vocab_size, smoothing), "gap")
    jensen, exact = (
        covering_complexity(
            n_active=n_active,
            dict_size=dict_size,
            n_tokens=size.n_tokens,
            vocab_size=vocab_size,
            smoothing=smoothing,
            reading=reading,
        )
        for reading in READINGS
    )
    log_prior = math.log(math.pi**2 * n_active**2 / (6.0 * failure_prob))
    return Bound(
        family="covering_dudley",
        is_certificate=False,
        subject=as_the_paper_reads_it(
            "the model, if the sketch of Theorem 1 were completed", size, smoothing
        ),
        size=replace(size, unit="token", n_predictions=None),
        vocab_size=vocab_size,
        smoothing=smoothing,
        budget=Budget(
            failure_prob, (FailureShare("the risk, for all k (prior 6/(π²k²))", failure_prob),)
        ),
        assumptions=(
            *(flaw for flaw in FLAWS if "Eq. 20" not in flaw),
            "the loss moves over its range no faster than the reconstruction over its radius",
            "one activation's cover stands for the cover of a class of encoders on the sample",
        ),
        source=SOURCE,
        proxy_risk=proxy_risk,
        gap=gap,
        complexity=jensen,
        tail=ceiling * math.sqrt(log_prior / (2.0 * size.n_tokens)),
        k=n_active,
        dict_size=dict_size,
        proxy=proxy,
        details={"complexity_exact": exact},
    )


def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """Family 5 at the paper's reading, with a mean k rounded up to whole atoms."""
    arguments = published_statistics(table, facts, spec)
    yield covering_dudley(**arguments | {"n_active": math.ceil(arguments["n_active"])})


def _lines(question: Question) -> list[Line]:
    q = question
    k = math.ceil(q.n_active)
    jensen, exact = (
        covering_complexity(
            n_active=k,
            dict_size=q.dict_size,
            n_tokens=q.n_tokens,
            vocab_size=q.vocab_size,
            smoothing=q.smoothing,
            reading=reading,
        )
        for reading in READINGS
    )
    entropy = metric_entropy(0.5, k, q.dict_size, 1.0, covering_constant=BALL)
    terms = published_terms(
        n_active=q.n_active,
        dict_size=q.dict_size,
        n_tokens=q.n_tokens,
        vocab_size=q.vocab_size,
        smoothing=q.smoothing,
        failure_prob=q.failure_prob,
    )
    slack = terms.baseline - jensen - terms.tail
    return [
        Line("entropy", entropy, "nats", f"SSD + k ln(3C/γ) at γ = C/2, k = {k}"),
        Line("complexity", jensen, "bits", "24B√((SSD + k(ln 3 + 1))/N)"),
        Line("complexity_exact", exact, "bits", "24B·∫√((SSD + k ln(3/u))/N) du"),
        Line("rademacher", exact / 2.0, "bits", "R_N of Eq. 19, which counts it twice"),
        Line("slack", slack, "bits", "proxy risk + gap must stay below this"),
    ]


register(
    Family(
        name="covering_dudley",
        order=300,
        kinds=(
            Kind(
                name="covering_dudley",
                number=5,
                words="the paper's sketch with the constants of its proof kept",
                source=SOURCE,
                is_certificate=False,
                calculation=Calculation("the published sketch with its constants", _lines),
            ),
        ),
        compute=compute,
        needs=lambda spec: (spec.point_proxy,),
        reads="sequences",
        smoothings="main α",
    )
)
