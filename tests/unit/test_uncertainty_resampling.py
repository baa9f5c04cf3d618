"""Which documents a resample holds: copies with their originals, the others on their own."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from semdim.uncertainty.metrics import percentile_interval, rank, resampled_separation
from semdim.uncertainty.resampling import Resampling


def rows(documents: list[int], origins: list[int] | None = None) -> pd.DataFrame:
    table = pd.DataFrame({"document": documents})
    return table if origins is None else table.assign(origin=origins)


@settings(max_examples=40)
@given(
    st.sets(st.integers(0, 9), min_size=2), st.lists(st.integers(-1, 12), min_size=2, max_size=9)
)
def test_pairs_are_drawn_together_and_each_corpus_keeps_its_size(
    id_documents: set[int], origin: list[int]
) -> None:
    seen: set[int] = set()
    origin = [-1 if o in seen or seen.add(o) else o for o in origin]  # type: ignore[func-returns-value]
    found = Resampling.of(
        rows(sorted(id_documents)), rows(list(range(len(origin))), origin), 30, 0, "near"
    )
    assert found.draws is not None
    ids, copies = np.split(found.draws, [len(id_documents)], axis=1)
    assert (ids.sum(axis=1) == len(id_documents)).all()
    place = {document: i for i, document in enumerate(found.id_documents)}
    for column, of in enumerate(origin):
        if of in place:
            assert (copies[:, column] == ids[:, place[of]]).all()
    assert (copies.sum(axis=1) > 0).all() and (ids.sum(axis=1) > 0).all()


def test_other_texts_are_drawn_on_their_own() -> None:
    alone = Resampling.of(rows([3, 5, 9]), rows([0, 1, 2]), 400, 0, "python")
    marked = Resampling.of(rows([3, 5, 9]), rows([0, 1, 2], [-1] * 3), 400, 0, "python")
    assert alone.draws is not None and marked.draws is not None
    assert (alone.draws == marked.draws).all()
    ids, others = np.split(alone.draws, [3], axis=1)
    assert abs(np.corrcoef(ids[:, 0], others[:, 0])[0, 1]) < 0.15


def test_a_single_document_is_not_resampled() -> None:
    assert Resampling.of(rows([1, 2]), rows([0, 0]), 5, 0, "book").draws is None


def test_the_interval_of_a_near_shift_covers_and_is_no_wider_than_it_must_be() -> None:
    # Document levels N(0, 1); a copy adds 0.3 and noise N(0, 0.5²): AUROC = Φ(0.3 / 1.5) = 0.5793.
    truth, n_documents, rng = 0.5793, 120, np.random.default_rng(4)
    document, hits, widths = np.arange(n_documents), 0, {"pairs": [], "apart": []}
    for repetition in range(200):
        level = rng.normal(0, 1, n_documents)
        copy = level + 0.3 + rng.normal(0, 0.5, n_documents)
        ranking = rank(level, document, copy, document, n_documents)
        for name, origin in (("pairs", document), ("apart", np.full(n_documents, -1))):
            found = Resampling.of(
                rows(list(document)), rows(list(document), list(origin)), 150, repetition, "near"
            )
            assert found.draws is not None
            area = np.asarray(resampled_separation(ranking, found.draws).auroc)
            low, high = percentile_interval(area, 0.9)
            widths[name].append(high - low)
            hits += name == "pairs" and low <= truth <= high
    assert 0.83 <= hits / 200 <= 0.96  # 0.90 ± 3 standard errors
    assert np.mean(widths["pairs"]) < 0.6 * np.mean(widths["apart"])
