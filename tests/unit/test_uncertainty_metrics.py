"""Separation by hand, its invariances, and the bootstrap over documents."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from semdim.errors import DataError
from semdim.uncertainty.metrics import (
    Separation,
    draw_multiplicities,
    percentile_interval,
    rank,
    resampled_separation,
    roc_points,
    separation,
)

values = st.lists(st.integers(-6, 6), min_size=1, max_size=30)


def as_tuple(found: Separation) -> tuple[float, float, float]:
    return tuple(np.ravel(x).item() for x in (found.auroc, found.aupr, found.fpr_at_95_tpr))


def test_separation_by_hand() -> None:
    found = separation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0]))
    # pairs: 2 beats 1, ties with 2, loses to 3; 4 beats all: (1 + .5 + 0 + 3) / 6
    assert found.auroc == pytest.approx(4.5 / 6)
    # thresholds 4: precision 1 at recall 1/2; 2: precision 2/4 at recall 1
    assert found.aupr == pytest.approx(0.5 * 1 + 0.5 * 0.5)
    assert found.fpr_at_95_tpr == pytest.approx(2 / 3)


def test_the_highest_threshold_that_catches_95_percent_is_taken() -> None:
    ood = np.arange(1.0, 21.0)  # 19 of 20 are at or above 2
    assert separation(np.array([1.0, 1.5, 2.0, 0.0]), ood).fpr_at_95_tpr == 0.25


@given(id_value=values, ood_value=values)
def test_areas_agree_with_scikit_learn(id_value: list[int], ood_value: list[int]) -> None:
    found = separation(np.array(id_value, dtype=float), np.array(ood_value, dtype=float))
    is_ood, score = [0] * len(id_value) + [1] * len(ood_value), id_value + ood_value
    assert found.auroc == pytest.approx(roc_auc_score(is_ood, score), abs=1e-12)
    assert found.aupr == pytest.approx(average_precision_score(is_ood, score), abs=1e-12)


@given(id_value=values, ood_value=values)
def test_only_the_order_of_scores_matters(id_value: list[int], ood_value: list[int]) -> None:
    id_, ood = np.array(id_value, dtype=float), np.array(ood_value, dtype=float)
    plain = as_tuple(separation(id_, ood))
    assert plain == pytest.approx(as_tuple(separation(np.exp(id_ / 3), np.exp(ood / 3))))
    assert separation(-id_, -ood).auroc == pytest.approx(1 - plain[0])
    assert separation(ood, id_).auroc == pytest.approx(1 - plain[0])


@settings(max_examples=150)
@given(data=st.data())
def test_weights_equal_repeated_rows(data: st.DataObject) -> None:
    sides = []
    for _ in range(2):
        n_documents = data.draw(st.integers(1, 5))
        document = data.draw(st.lists(st.integers(0, n_documents - 1), min_size=1, max_size=25))
        value = data.draw(
            st.lists(st.integers(-4, 4), min_size=len(document), max_size=len(document))
        )
        times = data.draw(st.lists(st.integers(0, 3), min_size=n_documents, max_size=n_documents))
        times[document[0]] += 1  # at least one item of the class is drawn
        sides.append((np.array(value, dtype=float), np.array(document), np.array(times)))
    (id_value, id_document, id_times), (ood_value, ood_document, ood_times) = sides
    ranking = rank(id_value, id_document, ood_value, ood_document, len(id_times))
    weighted = resampled_separation(ranking, np.concatenate([id_times, ood_times])[None])
    repeated = separation(
        np.repeat(id_value, id_times[id_document]), np.repeat(ood_value, ood_times[ood_document])
    )
    assert as_tuple(weighted) == pytest.approx(as_tuple(repeated), abs=1e-12)


def test_merged_neighbours_move_a_resample_by_next_to_nothing() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(0, 1, 4000), rng.normal(0.7, 1, 3000)
    documents = np.arange(4000) % 40, np.arange(3000) % 30
    draws = np.hstack([draw_multiplicities(n, 20, rng) for n in (40, 30)])
    plain, merged = (
        resampled_separation(
            rank(values[0], documents[0], values[1], documents[1], 40, most), draws
        )
        for most in (10_000, 700)
    )
    assert len(np.unique(np.concatenate(values))) == 7000
    np.testing.assert_allclose(merged.auroc, plain.auroc, atol=2e-4)
    np.testing.assert_allclose(merged.aupr, plain.aupr, atol=2e-3)
    np.testing.assert_allclose(merged.fpr_at_95_tpr, plain.fpr_at_95_tpr, atol=5e-3)


def test_a_resample_without_one_class_is_refused() -> None:
    ranking = rank(np.array([1.0]), np.array([0]), np.array([2.0]), np.array([0]), 1)
    with pytest.raises(DataError, match="no document of one class"):
        resampled_separation(ranking, np.array([[1, 0]]))


def test_multiplicities_draw_as_many_documents_as_there_are() -> None:
    drawn = draw_multiplicities(7, 2000, np.random.default_rng(0))
    assert drawn.shape == (2000, 7)
    assert (drawn.sum(axis=1) == 7).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(7), abs=0.1)


def spread(n_documents: int, tokens_per_document: int, by_document: bool) -> float:
    rng = np.random.default_rng(3)
    items = n_documents * tokens_per_document
    document = np.repeat(np.arange(n_documents), tokens_per_document)
    id_value = rng.normal(0, 1, n_documents)[document] + rng.normal(0, 0.3, items)
    ood_value = 0.5 + rng.normal(0, 1, n_documents)[document] + rng.normal(0, 0.3, items)
    unit = document if by_document else np.arange(items)
    n_units = int(unit.max()) + 1
    draws = np.hstack([draw_multiplicities(n_units, 300, rng) for _ in range(2)])
    found = resampled_separation(rank(id_value, unit, ood_value, unit, n_units), draws)
    return float(np.std(found.auroc))


def test_alike_tokens_of_a_document_do_not_count_as_independent() -> None:
    # 50 alike tokens are worth little more than one: the interval is several times wider.
    assert spread(30, 50, by_document=True) > 4 * spread(30, 50, by_document=False)


def test_the_interval_over_documents_covers_the_truth() -> None:
    # Documents N(0,1) against N(1,1), ten copies each: AUROC = Φ(1/√2) = 0.7602.
    rng = np.random.default_rng(11)
    n_documents, hits = 40, 0
    document = np.repeat(np.arange(n_documents), 10)
    for _ in range(200):
        id_value = rng.normal(0, 1, n_documents)[document]
        ood_value = rng.normal(1, 1, n_documents)[document]
        draws = np.hstack([draw_multiplicities(n_documents, 150, rng) for _ in range(2)])
        ranking = rank(id_value, document, ood_value, document, n_documents)
        low, high = percentile_interval(np.asarray(resampled_separation(ranking, draws).auroc), 0.9)
        hits += low <= 0.7602 <= high
    assert 0.83 <= hits / 200 <= 0.96  # 0.90 ± 3 standard errors; tokens as units give about 0.4


def test_percentile_interval_by_hand() -> None:
    assert percentile_interval(np.arange(101.0), 0.9) == pytest.approx((5.0, 95.0))


@pytest.mark.parametrize(
    ("id_value", "ood_value", "message"),
    [
        ([], [1.0], "0 ID and 1 OOD"),
        ([1.0], [], "1 ID and 0 OOD"),
        ([float("nan")], [1.0], "not finite"),
        ([1.0], [float("inf")], "not finite"),
    ],
)
def test_one_class_or_a_missing_value_is_refused(
    id_value: list[float], ood_value: list[float], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        separation(np.array(id_value), np.array(ood_value))
    with pytest.raises(DataError, match=message):
        roc_points(np.array(id_value), np.array(ood_value), 10)


@given(id_value=values, ood_value=values, most=st.integers(2, 12))
def test_roc_points_are_few_monotone_and_complete(
    id_value: list[int], ood_value: list[int], most: int
) -> None:
    points = roc_points(np.array(id_value, dtype=float), np.array(ood_value, dtype=float), most)
    assert 2 <= len(points) <= most
    assert points[0].tolist() == [0, 0] and points[-1].tolist() == [1, 1]
    assert (np.diff(points, axis=0) >= 0).all()


def test_all_roc_points_give_back_the_area() -> None:
    rng = np.random.default_rng(0)
    id_value, ood_value = rng.normal(0, 1, 200), rng.normal(1, 1, 100)
    points = roc_points(id_value, ood_value, 1000)
    area = np.trapezoid(points[:, 1], points[:, 0])
    assert area == pytest.approx(separation(id_value, ood_value).auroc)
