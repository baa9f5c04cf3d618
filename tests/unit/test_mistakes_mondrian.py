"""Thresholds for each cell: crepes' p-values, the promise by simulation; one for all fails."""

import numpy as np
import pandas as pd
import pytest
from ledger_factory import VOCAB_SIZE, make_ledger

from semdim.mistakes.mondrian import (
    Cells,
    mondrian_table,
    one_of_each,
    rate_by_document,
    thresholds,
)
from semdim.tokens.positions import counted

RATE = 0.1


def cells_of(rng: np.random.Generator, n_documents: int) -> tuple[np.ndarray, ...]:
    """Scores, cells and documents: the second cell scores higher, documents have a level."""
    document = np.repeat(np.arange(n_documents), 6)
    cell = np.tile([0, 0, 0, 0, 1, 1], n_documents)
    level = rng.normal(0, 1, n_documents)[document]
    return rng.normal(0, 1, len(cell)) + level + 3 * cell, cell, document


def test_one_item_of_each_document_and_cell() -> None:
    rng = np.random.default_rng(0)
    _, cell, document = cells_of(rng, 30)
    chosen = one_of_each(cell, document, rng)
    pairs = list(zip(document[chosen], cell[chosen], strict=True))
    assert len(pairs) == len(set(pairs)) == 60
    first = [one_of_each(cell, document, np.random.default_rng(s))[0] for s in range(40)]
    assert set(first) == {0, 1, 2, 3}  # at random among the four of the first cell


def test_alarms_are_those_of_crepes() -> None:
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(1)
    score, cell, document = cells_of(rng, 57)
    new, where, _ = cells_of(rng, 40)
    tau = thresholds(score, cell, document, 2, RATE, np.random.default_rng(2))
    chosen = one_of_each(cell, document, np.random.default_rng(2))
    classifier = crepes.ConformalClassifier()
    classifier.fit(score[chosen], bins=cell[chosen])
    p = classifier.predict_p(new[:, None], bins=where, smoothing=False)[:, 0]
    assert ((new > tau[where]) == (p <= RATE)).all()
    assert 0 < (new > tau[where]).mean() < 1


def test_the_promise_holds_in_each_cell_and_one_threshold_breaks_it() -> None:
    rng = np.random.default_rng(3)
    own, common = np.zeros((400, 2)), np.zeros((400, 2))
    for repetition in range(400):
        score, cell, document = cells_of(rng, 40)
        new, where, _ = cells_of(rng, 60)
        each = thresholds(score, cell, document, 2, RATE, rng)
        (one,) = thresholds(score, np.zeros_like(cell), document, 1, RATE, rng)
        for index in range(2):
            own[repetition, index] = (new > each[index])[where == index].mean()
            common[repetition, index] = (new > one)[where == index].mean()
    error = own.std(axis=0) / 20
    assert (own.mean(axis=0) <= RATE + 3 * error).all()
    assert (own.mean(axis=0) > RATE / 2).all()
    assert common.mean(axis=0)[1] > 2 * RATE


def test_a_cell_with_too_few_documents_never_rings() -> None:
    score, cell = np.arange(9.0), np.array([0] * 9)
    tau = thresholds(score, cell, np.arange(9), 2, RATE, np.random.default_rng(0))
    assert tau[0] == 8.0 and tau[1] == np.inf


def test_rates_are_means_over_documents() -> None:
    alarm, document = np.array([True, False, True]), np.array([4, 4, 9])
    rate, error = rate_by_document(alarm, document)
    assert rate == pytest.approx(0.75) and error == pytest.approx(0.25)


def test_the_table_has_every_cell_and_all_tokens() -> None:
    rows = counted(make_ledger(90, 2, 12))
    parts = [rows[rows["document"] % 3 == part] for part in range(3)]
    far = counted(make_ledger(20, 1, 12, shift=15, seed=4))
    table = mondrian_table(
        parts[0], parts[1], {"english": parts[2], "random": far},
        vocab_size=VOCAB_SIZE, false_alarm_rate=RATE, position_bins=2, frequency_bins=2,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    english = table[table["corpus"] == "english"]
    assert len(english) == 5
    cells = Cells.of(parts[0], VOCAB_SIZE, 2, 2)
    assert cells.shape == (2, 2)
    everything = english[english["position_bin"] == 0].iloc[0]
    k = parts[2]["n_active"].to_numpy()
    by_document = pd.Series(k > everything["common_threshold"]).groupby(
        parts[2]["document"].to_numpy()
    )
    assert everything["rate_common"] == pytest.approx(by_document.mean().mean())
    assert everything["n_tokens"] == english["n_tokens"].iloc[1:].sum() == len(parts[2])
    assert table[table["corpus"] == "random"]["rate_own"].iloc[0] > 5 * RATE
