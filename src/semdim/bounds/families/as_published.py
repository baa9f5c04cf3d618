"""Families 1 and 2: the paper's bound as its experiment reads it. Neither is a certificate.

With SSD = k ln(em/k), B = log2(V/α), k a mean and N a number of tokens (paper, Eq. 17 and 21):

    total = R̂_S + ε̂ + 4B√(SSD/N) + B√(ln(π²k²/6δ)/2N)   [+ B√(ln(1/δ)/2N) for the gap, family 2]
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare
from semdim.bounds.calculator import Calculation, Line, Question
from semdim.bounds.estimand import as_the_paper_reads_it
from semdim.bounds.family import BoundFacts, Family, Kind, Number, register
from semdim.bounds.published import FLAWS, published_statistics
from semdim.bounds.published_terms import published_crossing, published_terms
from semdim.bounds.quantities import loss_ceiling, loss_floor, loss_range
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.spec import BoundSpec
from semdim.bounds.validation import check_mean
from semdim.errors import ConfigError

SOURCE = "the paper, Theorem 1, Eq. 17 and 21, read as in its Figure 1"


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
    """Family 1, or family 2 with `with_gap_tail`. Not a certificate; `FLAWS` says why.

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
        subject=as_the_paper_reads_it("the model, as the paper claims it", size, smoothing),
        size=replace(size, unit="token", n_predictions=None),
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


def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """Family 1, then family 2."""
    arguments = published_statistics(table, facts, spec)
    yield as_published(**arguments)
    yield as_published(with_gap_tail=True, **arguments)


def crossing(bound: Bound, baseline: float | None = None) -> float | None:
    """The N (tokens, real) at which a bound of family 1 or 2 crosses a baseline (None: log2 V) with
    its statistics held fixed; None when R̂ + ε̂ is not below it.

    Raises:
        ConfigError: it is of another family.
    """
    if bound.family not in ("as_published", "as_published_with_gap_tail"):
        raise ConfigError(
            f"{bound.family} has no closed form in N; only families 1 and 2 have one."
        )
    assert bound.proxy_risk is not None and bound.gap is not None
    assert bound.k is not None and bound.dict_size is not None and bound.baseline is not None
    if bound.proxy_risk + bound.gap >= (bound.baseline if baseline is None else baseline):
        return None
    return published_crossing(
        risk_plus_gap=bound.proxy_risk + bound.gap,
        n_active=bound.k,
        dict_size=bound.dict_size,
        vocab_size=bound.vocab_size,
        smoothing=bound.smoothing,
        failure_prob=bound.budget.failure_prob,
        with_gap_tail=bound.gap_tail is not None,
        baseline=baseline,
    )


def _where_it_crosses(bound: Bound) -> dict[str, Number]:
    return {f"{bound.family}_crossing_n_tokens": crossing(bound)}


def _measured(bound: Bound) -> dict[str, Number]:
    return _where_it_crosses(bound) | {
        "n_tokens": bound.size.n_tokens,
        "n_sequences": bound.size.n_sequences,
        "n_documents": bound.size.n_documents,
        "baseline": bound.baseline,
        "mean_n_active": bound.k,
        "sparse_semantic_dimension": float(bound.details["ssd_nats"]),
        **{f"as_published_{term}": value for term, value in bound.terms.items()},
    }


def _lines(question: Question, *, with_gap_tail: bool) -> list[Line]:
    """The terms, the slack, and total and crossing where losses were measured."""
    q = question
    setting = {
        "n_active": q.n_active,
        "dict_size": q.dict_size,
        "vocab_size": q.vocab_size,
        "smoothing": q.smoothing,
        "failure_prob": q.failure_prob,
    }
    terms = published_terms(n_tokens=q.n_tokens, **setting)  # type: ignore[arg-type]
    slack = terms.slack - (terms.gap_tail if with_gap_tail else 0.0)
    lines = [
        Line("complexity", terms.complexity, "bits", "4B√(SSD/N), twice R_N as Eq. 17 takes it"),
        Line("tail", terms.tail, "bits", "B√(ln(π²k²/6δ)/2N): the risk's finite data"),
    ]
    if with_gap_tail:
        lines.append(Line("gap_tail", terms.gap_tail, "bits", "B√(ln(1/δ)/2N): the gap's"))
    lines.append(Line("slack", slack, "bits", "proxy risk + gap must stay below this"))
    if q.proxy_risk is None or q.gap is None:
        return lines
    bound = as_published(
        proxy_risk=q.proxy_risk,
        gap=q.gap,
        size=SampleSize(q.n_tokens, None, q.n_documents, "token"),
        with_gap_tail=with_gap_tail,
        **setting,  # type: ignore[arg-type]
    )
    verdict = "below" if bound.is_non_vacuous else "NOT below"
    lines.append(Line("total", bound.total, "bits", f"proxy risk + gap + terms, {verdict} log2 V"))
    meets = crossing(bound)
    if meets is not None:
        lines.append(Line("crossing", meets, "tokens", "N at which the total meets log2 V"))
    return lines


register(
    Family(
        name="as_published",
        order=200,
        kinds=(
            Kind(
                name="as_published",
                number=1,
                words="the paper's bound as its Figure 1 computes it",
                source=SOURCE,
                is_certificate=False,
                more=_measured,
                calculation=Calculation("as published", partial(_lines, with_gap_tail=False)),
            ),
            Kind(
                name="as_published_with_gap_tail",
                number=2,
                words="the paper's bound, with the gap's own price of finite data",
                source=SOURCE,
                is_certificate=False,
                more=_where_it_crosses,
                calculation=Calculation(
                    "with the gap's own tail", partial(_lines, with_gap_tail=True)
                ),
            ),
        ),
        compute=compute,
        needs=lambda spec: (spec.point_proxy,),
        reads="sequences",
        smoothings="main α",
    )
)
