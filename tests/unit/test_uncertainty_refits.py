"""The fit's part of an interval: whose draws, what is added, and what the interval then covers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from test_uncertainty_activation_scores import SPEC, shards_of, tokens_of

from semdim.artifacts.memory import MemoryShards
from semdim.errors import ArtifactError
from semdim.uncertainty.activation_scores import (
    TokenShards,
    fit_activations,
    score_activations,
    score_sequences,
)
from semdim.uncertainty.evaluation import evaluate
from semdim.uncertainty.level import LEVEL_STATISTICS, all_levels
from semdim.uncertainty.metrics import Separation, percentile_interval
from semdim.uncertainty.refits import (
    FitVariation,
    evenly,
    refit_column,
    refit_columns,
    refit_draws,
    with_fit,
)
from semdim.uncertainty.score import Score, column, two_sided
from semdim.uncertainty.score_shards import joined, score_shards
from semdim.uncertainty.spec import UncertaintySpec

LEVEL = "sequence_mean"
#: |x − the mean of the fit documents|: how well it works hangs on that mean.
FITTED = Score(
    name="off_centre", meaning="", family="input", reads=("x",),
    fit=lambda rows, _: rows["x"].mean(),
    value=lambda rows, mean: np.abs(rows["x"].to_numpy() - mean),
)  # fmt: skip
PLAIN = Score(name="plain", meaning="", family="input", reads=("x",), value=column("x"))


def rows_of(value: np.ndarray, first: int = 0) -> pd.DataFrame:
    """A document per value, one sequence of three tokens each."""
    n = len(value)
    return pd.DataFrame(
        {
            "document": np.repeat(np.arange(first, first + n), 3),
            "sequence": np.repeat(np.arange(n), 3),
            "position": np.tile([1, 2, 3], n),
            "is_last": np.tile([False, False, True], n),
            "x": np.repeat(value, 3),
        }
    )


def interval(rng: np.random.Generator, n_refits: int, shift: float) -> tuple[float, float]:
    spec = UncertaintySpec(n_resamples=40, n_refits=n_refits, confidence=0.9)
    fit, own, other = rng.normal(0, 1, 10), rng.normal(0, 1, 60), rng.normal(shift, 1, 60)
    found = evaluate(
        rows_of(fit), rows_of(own, 10), {"s": rows_of(other)}, (FITTED,), spec,
        int(rng.integers(2**31)), "id", 2,
    )  # fmt: skip
    (cell,) = (cell for cell in found.cells if cell.level == LEVEL)
    assert cell.resampled is not None and (cell.fit_deviation is None) == (n_refits == 0)
    return percentile_interval(np.asarray(cell.resampled.auroc), 0.9)


def expected_auroc(shift: float, n_fit: int) -> float:
    """Mean over fits of the AUROC in the population, by simulation of both laws."""
    rng = np.random.default_rng(5)
    centres = rng.normal(0, 1 / np.sqrt(n_fit), 400)
    own = np.sort(np.abs(rng.normal(0, 1, 2000)[None] - centres[:, None]), axis=1)
    other = np.abs(rng.normal(shift, 1, 200)[None] - centres[:, None])
    below = [np.searchsorted(a, b).mean() / 2000 for a, b in zip(own, other, strict=True)]
    return float(np.mean(below))


def test_the_interval_covers_the_mean_over_fits_and_that_of_one_fit_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The other levels have no part in this one's intervals, and cost as much each.
    levels = {level.name: level for level in all_levels()}
    monkeypatch.setattr(LEVEL_STATISTICS, "_entries", {LEVEL: levels[LEVEL]})
    shift, n = 1.5, 80
    truth, rng = expected_auroc(shift, 10), np.random.default_rng(0)
    share = {}
    for n_refits in (0, 12):
        ends = [interval(rng, n_refits, shift) for _ in range(n)]
        share[n_refits] = np.mean([low <= truth <= high for low, high in ends])
    # Ten fit documents, whose bootstrap is a little narrow: .81 of 120 intervals at 90 %, where the
    # intervals of one fit held .60.
    assert share[12] >= 0.72 and share[0] < share[12] - 0.05, share
    assert share[0] < 0.75, share


def test_only_what_is_fitted_varies_and_all_scores_take_one_draw() -> None:
    rng = np.random.default_rng(1)
    fit, own, other = (
        rows_of(rng.normal(m, 1, n), f) for m, n, f in ((0, 8, 0), (0, 9, 8), (1, 7, 0))
    )
    variation = FitVariation(fit, own, 5, 3, 2)
    assert variation.of(PLAIN, other, "s") == {}
    centred = variation.of(two_sided(PLAIN), other, "s")[LEVEL]
    assert centred.shape == (5, 3) and len(np.unique(centred[:, 0])) > 1
    # By hand: the centre of refit 2 is the mean over its draw of documents.
    draw = refit_draws(8, 5, 3)[2]
    drawn = np.repeat(fit["x"].to_numpy()[::3], draw)
    sides = [np.abs(t["x"].to_numpy()[::3] - drawn.mean()) for t in (own, other)]
    wins = (sides[1][:, None] > sides[0]).mean()
    assert centred[2, 0] == pytest.approx(wins)
    assert FitVariation(fit, own, 0, 3, 2).of(two_sided(PLAIN), other, "s") == {}
    # Refits that come as columns: on the sequences that they scored.
    for table in (fit, own, other):
        for refit in range(5):
            table[refit_column("x", refit)] = table["x"].where(table["sequence"] < 5) + refit
    assert refit_columns({"a": own, "b": other}) == {refit_column("x", i) for i in range(5)}
    same = FitVariation(fit, own, 5, 3, 2).of(PLAIN, other, "s")[LEVEL]
    few = [t["x"].to_numpy()[:15:3] for t in (own, other)]
    np.testing.assert_allclose(same[:, 0], (few[1][:, None] > few[0]).mean())


def test_deviations_are_added_without_moving_the_middle() -> None:
    resampled = Separation(np.full(6, 0.5), np.full(6, 0.6), np.full(6, 0.95))
    assert with_fit(resampled, None) is resampled
    of_refits = np.array([[0.6, 0.5, 0.5], [0.8, 0.5, 0.9]])
    found = with_fit(resampled, of_refits)
    step = 0.1 * np.sqrt(2)
    np.testing.assert_allclose(found.auroc, 0.5 + step * np.array([-1, 1] * 3))
    np.testing.assert_allclose(found.aupr, 0.6)
    assert np.asarray(found.fpr_at_95_tpr).max() == 1.0  # a share


def test_a_refit_is_the_fit_of_the_repeated_tokens(tmp_path: Path) -> None:
    values, times = tokens_of(600, 4), np.array([0, 2, 1] * 20)
    plain = shards_of(tmp_path / "a", values)
    drawn = TokenShards(plain.activations, plain.chosen, times)
    by_hand = values.repeat(times.repeat(10), axis=0)
    found = fit_activations(drawn, SPEC, 0)
    expected = fit_activations(shards_of(tmp_path / "b", by_hand), SPEC, 0)
    np.testing.assert_allclose(found.overall.whitener, expected.overall.whitener)
    np.testing.assert_array_equal(found.bank, expected.bank)
    kept = np.zeros_like(plain.chosen)
    kept[evenly(np.arange(60) % 2 == 0, 7)] = True
    assert kept.any(axis=1).sum() == 7 and not kept[1::2].any()
    some = score_sequences(found, TokenShards(plain.activations, kept))
    every = score_activations(found, plain)
    for name, scores in some.items():
        np.testing.assert_allclose(scores[kept], every[name][kept], rtol=1e-5)
        assert np.isnan(scores[~kept]).all()


def test_shards_alone_have_the_scores_of_the_whole_to_the_byte(tmp_path: Path) -> None:
    values = tokens_of(600, 4)
    plain = shards_of(tmp_path / "a", values)
    source = plain.activations
    assert len(source) > 1
    fit = fit_activations(plain, SPEC, 0)
    kept = np.zeros_like(plain.chosen)
    kept[:5] = True  # in the first shard alone
    refit = fit_activations(TokenShards(source, kept), SPEC, 1)
    names = ["mahalanobis", "relative_mahalanobis", "knn_distance"]
    expected = score_activations(fit, plain) | {
        refit_column(name, 0): column
        for name, column in score_sequences(refit, TokenShards(source, kept)).items()
    }
    found, counted = MemoryShards("scores", len(source)), list[int]()
    found.write(1, {"taken over": torch.zeros(1)})
    score_shards(fit, [refit], source, kept, found, update=counted.append)
    assert list(found.read(1)) == ["taken over"] and sum(counted) == 600
    whole = MemoryShards("scores", len(source))
    score_shards(fit, [refit], source, kept, whole, update=counted.append)
    columns = joined(whole.read, len(source))
    assert list(columns) == [*names, *(refit_column(name, 0) for name in names)]
    for name, scores in columns.items():
        np.testing.assert_array_equal(scores, expected[name])
    with pytest.raises(ArtifactError, match="not of the same sample"):
        score_shards(fit, [], source, kept[:-1], found, update=counted.append)
