"""A bound for each source of the text, and for the mixture as what it is."""

import numpy as np
import pytest
from ledger_factory import VOCAB_SIZE, make_ledger

from semdim.bounds.assemble import assemble_ledger
from semdim.bounds.concentration import upper_mean
from semdim.bounds.families.holdout_by_source import holdout_by_source, in_words
from semdim.bounds.family import BoundFacts
from semdim.bounds.quantities import loss_ceiling, loss_floor
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.spec import BoundSpec
from semdim.errors import DataError

V, ALPHA, DELTA = 5000, 0.5, 0.05
LOW, HIGH = loss_floor(V, ALPHA), loss_ceiling(V, ALPHA)
LABELS = ("wikipedia", "news")


def size(n: int) -> SampleSize:
    return SampleSize(n * 128, n, n, "document")


def bounds_of(losses: np.ndarray, source: np.ndarray, **changed: object) -> list[Bound]:
    arguments = {
        "size": size(len(losses)), "vocab_size": V, "smoothing": ALPHA, "failure_prob": DELTA,
    } | changed  # fmt: skip
    return holdout_by_source(losses, source, LABELS, **arguments)  # type: ignore[arg-type]


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Documents of two sources: 26 % easy ones at 5 bits, the others at 6."""
    source = (rng.random(n) > 0.26).astype(int)
    return np.clip(5.0 + source + rng.normal(0, 0.8, n), LOW, HIGH), source


def test_each_source_has_its_share_and_the_mixture_its_name() -> None:
    losses, source = draw(np.random.default_rng(0), 362)
    source[:95], source[95:] = 0, 1
    first, second, mixture = bounds_of(losses, source, n_choices=2)
    for row, label, index in ((first, "wikipedia", 0), (second, "news", 1)):
        inside = losses[source == index]
        expected = upper_mean(inside, LOW, HIGH, DELTA / 4, "betting")
        assert row.total == pytest.approx(expected, abs=1e-12)
        assert row.proxy_risk == pytest.approx(inside.mean())
        assert row.subject.startswith(f"risk of the model on {label} documents: mean over")
        assert row.details["source"] == label and row.n_units == len(inside)
        assert row.budget.spent == DELTA / 4 and row.is_certificate
    assert mixture.subject.startswith(
        "risk of the model on a mixture of 26 % wikipedia and 74 % news documents, as in the "
        "sample: mean over documents"
    )
    assert mixture.total == pytest.approx(upper_mean(losses, LOW, HIGH, DELTA / 2, "betting"))


def test_they_hold_at_once_where_the_mixtures_bound_is_no_bound_for_the_harder_source() -> None:
    rng = np.random.default_rng(1)
    repetitions, misses, mixture_misses, as_a_source = 200, 0, 0, 0
    for _ in range(repetitions):
        losses, source = draw(rng, 300)
        easy, hard, mixture = bounds_of(losses, source)
        misses += easy.total < 5.0 or hard.total < 6.0
        mixture_misses += mixture.total < 5.74
        as_a_source += mixture.total < 6.0
    tolerance = 3 * np.sqrt(DELTA * (1 - DELTA) / repetitions)
    assert misses / repetitions <= DELTA + tolerance
    assert mixture_misses / repetitions <= DELTA + tolerance
    assert as_a_source / repetitions > 0.5  # what "risk of the model" promises and does not hold


@pytest.mark.parametrize("method", ["hoeffding", "maurer_pontil", "betting"])
def test_a_source_with_one_document_gets_what_needs_no_data(method: str) -> None:
    losses, source = draw(np.random.default_rng(2), 50)
    source[:] = 1
    source[0] = 0
    alone, _, _ = bounds_of(losses, source, method=method)
    if method == "maurer_pontil":
        assert alone.total == pytest.approx(HIGH) and "ceiling" in alone.assumptions[-1]
    else:
        assert losses[0] < alone.total


def test_what_is_refused() -> None:
    losses, source = draw(np.random.default_rng(3), 20)
    with pytest.raises(DataError, match="each with a unit"):
        bounds_of(losses, np.ones_like(source))
    with pytest.raises(DataError, match="one for each"):
        bounds_of(losses, source[:-1])
    with pytest.raises(DataError, match="2 to 50 sources, the text has 1"):
        holdout_by_source(
            losses, source * 0, ["a"], size=size(20), vocab_size=V, smoothing=ALPHA,
            failure_prob=DELTA,
        )  # fmt: skip


def test_shares_in_words() -> None:
    assert in_words(["a", "b", "c"], np.array([1, 300, 700])) == (
        "a mixture of under 1 % a, 30 % b and 70 % c"
    )


SPEC = BoundSpec(n_tokens=(480, 960), topk_grid=(), sparsity_bins=0)


def rows_of(facts: BoundFacts, spec: BoundSpec = SPEC) -> list[Bound]:
    found = assemble_ledger(make_ledger(), facts, spec)
    return [bound for bound in found if bound.family.startswith(("holdout_b", "holdout_m"))]


def test_they_are_given_at_the_largest_n_of_a_text_with_sources() -> None:
    of_document = tuple(int(number % 4 > 0) for number in range(40))
    facts = BoundFacts(VOCAB_SIZE, 640, sources=LABELS, document_sources=of_document)
    rows = rows_of(facts)
    assert [bound.family for bound in rows] == ["holdout_by_source"] * 2 + ["holdout_mixture"]
    assert {bound.size.n_tokens for bound in rows} == {960}
    assert [bound.n_units for bound in rows] == [10, 30, 40]
    assert rows[0].budget.spent == DELTA / 2  # given once, at the main α alone
    alone = rows_of(
        facts, BoundSpec(n_tokens=(960,), topk_grid=(), sparsity_bins=0, n_predeclared=7)
    )
    assert alone[0].budget.spent == pytest.approx(
        DELTA / 14
    )  # a point of a sweep pays for the others


@pytest.mark.parametrize("of_document", [(), (0,) * 40])
def test_a_text_of_one_source_has_none(of_document: tuple[int, ...]) -> None:
    assert rows_of(BoundFacts(VOCAB_SIZE, 640, sources=LABELS, document_sources=of_document)) == []
