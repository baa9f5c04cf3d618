"""Distances by hand, against scikit-learn and pytorch-ood; what they are fitted on."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import pytorch_ood
from sklearn.cluster import KMeans
from sklearn.covariance import OAS
from sklearn.metrics import roc_auc_score

from semdim.activations.norms import OUTLIER_RATIO
from semdim.artifacts.shards import Artifact, ShardWriter
from semdim.errors import ArtifactError, ConfigError, DataError
from semdim.uncertainty import distances
from semdim.uncertainty.activation_scores import (
    COLUMNS,
    ActivationFit,
    TokenShards,
    fit_activations,
    score_activations,
)
from semdim.uncertainty.distances import Gaussians, Moments, Ridge, neighbour_distance, unit
from semdim.uncertainty.score import SCORES
from semdim.uncertainty.spec import UncertaintySpec
from semdim.uncertainty.verdict import FittedOn

SPEC = UncertaintySpec(n_clusters=3, neighbour_tokens=200, neighbour=5)
CENTRES = np.array([[9.0, 0, 0, 0, 5, 0], [0, 9.0, 0, 0, 5, 0], [0, 0, 9.0, 0, 5, 0]])


def tokens_of(n_tokens: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Three clusters of directions with correlated noise, moved by ``shift`` along one axis."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(99).normal(0, 1, (6, 6)) / 2
    noise = rng.normal(0, 1, (n_tokens, 6)) @ mix
    values = CENTRES[rng.integers(0, 3, n_tokens)] + noise
    values[:, 3] += shift
    return values.astype(np.float32)


def shards_of(
    folder: Path, values: np.ndarray, context: int = 10, chosen: np.ndarray | None = None
) -> TokenShards:
    """``values`` as an artifact of sequences, in shards of 7 (the last one short)."""
    sequences = torch.from_numpy(values).view(-1, context, values.shape[1])
    parts = sequences.split(7)
    writer = ShardWriter(folder / "out", work=folder / "work", key="k", n_shards=len(parts))
    for index, part in enumerate(parts):
        writer.write(index, {"activation": part})
    writer.publish({})
    every = np.ones(tuple(sequences.shape[:2]), dtype=bool)
    return TokenShards(Artifact.open(folder / "out"), every if chosen is None else chosen)


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> ActivationFit:
    return fit_activations(shards_of(tmp_path_factory.mktemp("id"), tokens_of(3000, 0)), SPEC, 0)


def test_shrinkage_and_distance_agree_with_scikit_learn() -> None:
    for n_tokens in (4, 40, 4000):  # fewer tokens than dimensions, too
        values = tokens_of(n_tokens, 1).astype(np.float64)
        moments = Moments(values[0], 1)
        for part in np.array_split(values, 3):
            moments.add(part, np.zeros(len(part), dtype=int))
        reference = OAS().fit(values)
        np.testing.assert_allclose(moments.mean, reference.location_, atol=1e-12)
        covariance = moments.covariance()
        ridge = Ridge.of(covariance, n_tokens)
        found = Gaussians.estimate(moments.mean[None], covariance, ridge)
        assert found.shrinkage == pytest.approx(reference.shrinkage_)
        fresh = tokens_of(50, 2)
        np.testing.assert_allclose(
            found.squared_distance(fresh), reference.mahalanobis(fresh), rtol=1e-8
        )


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(12, 400))
def test_no_direction_is_farther_under_the_one_gaussian_than_under_the_clusters(
    seed: int, n_tokens: int
) -> None:
    # The clusters' covariance is part of the overall one, and must stay so once regularised: else
    # a stranger of small variance counts as more familiar, the fewer the tokens the more.
    rng = np.random.default_rng(seed)
    scale = np.geomspace(30, 0.1, 12)
    cluster = rng.integers(0, 3, n_tokens)
    values = (rng.normal(0, 1, (3, 12))[cluster] + rng.normal(0, 1, (n_tokens, 12))) * scale
    moments = Moments(values[0], 3)
    moments.add(values, cluster)
    overall, within = moments.covariance(), moments.covariance_within()
    ridge = Ridge.of(overall, n_tokens)
    origin = np.zeros((1, 12))
    apart = rng.normal(0, 1, (50, 12)) * rng.choice([scale, 1 / scale], size=50)
    far = Gaussians.estimate(origin, overall, ridge).squared_distance(apart)
    near = Gaussians.estimate(origin, within, ridge).squared_distance(apart)
    assert (near >= far * (1 - 1e-9)).all()


def test_what_the_clusters_do_not_differ_in_does_not_count_however_few_the_tokens(
    tmp_path: Path,
) -> None:
    # 4 clusters differ in 8 directions of large variance; strangers vary too much in 16 others.
    scale, is_of_clusters = np.geomspace(30, 0.3, 24), np.arange(24) < 8
    centres = 1.5 * np.random.default_rng(7).normal(0, 1, (4, 24)) * is_of_clusters
    rng = np.random.default_rng(0)

    def text(n_tokens: int, strange: float) -> np.ndarray:
        noise = rng.normal(0, 1, (n_tokens, 24)) * np.where(is_of_clusters, 1.0, strange)
        return ((centres[rng.integers(0, 4, n_tokens)] + noise) * scale).astype(np.float32)

    familiar, unfamiliar = text(400, 1.0), text(400, 2.0)
    for n_tokens in (100, 300, 3000):
        source = shards_of(tmp_path / str(n_tokens), text(n_tokens, 1.0))
        found = fit_activations(source, replace(SPEC, n_clusters=4, neighbour_tokens=3000), 0)
        score = [found.score(part)["relative_mahalanobis"] for part in (familiar, unfamiliar)]
        area = roc_auc_score(np.repeat([0, 1], 400), np.concatenate(score))
        assert abs(area - 0.5) < 0.07, n_tokens  # 0.81 with a ridge of their own


def test_moments_about_a_distant_mean_keep_their_digits() -> None:
    values = tokens_of(500, 3).astype(np.float64)
    far = values + 1e7
    moments = Moments(far[0], 1)
    moments.add(far, np.zeros(500, dtype=int))
    np.testing.assert_allclose(moments.covariance(), np.cov(values.T, bias=True), rtol=1e-6)


@settings(max_examples=40)
@given(cluster=st.lists(st.integers(0, 3), min_size=2, max_size=60), cuts=st.integers(1, 6))
def test_the_covariance_splits_into_within_and_between(cluster: list[int], cuts: int) -> None:
    label = np.array(cluster)
    values = tokens_of(len(label), len(label)).astype(np.float64)
    moments = Moments(values.mean(axis=0), 4)
    for part, of_part in zip(
        np.array_split(values, cuts), np.array_split(label, cuts), strict=True
    ):
        moments.add(part, of_part)
    centred = np.concatenate(
        [values[label == c] - values[label == c].mean(axis=0) for c in np.unique(label)]
    )
    within = centred.T @ centred / len(label)
    np.testing.assert_allclose(moments.covariance_within(), within, atol=1e-9)
    means = [values[label == c].mean(axis=0) for c in np.unique(label)]
    np.testing.assert_allclose(moments.cluster_means, means, atol=1e-9)
    # Within is the smaller of the two in every direction.
    gap = moments.covariance() - moments.covariance_within()
    assert np.linalg.eigvalsh(gap).min() > -1e-9


def test_neighbour_distance_by_hand_and_by_force() -> None:
    bank = unit(np.float32([[1, 0], [0, 2], [-3, 0]]))
    found = neighbour_distance(bank, np.float32([[5, 0], [1, 1]]), 2)
    np.testing.assert_allclose(found, [np.sqrt(2), np.sqrt(2 - np.sqrt(2))], rtol=1e-6)
    bank, values = unit(tokens_of(300, 4)), tokens_of(80, 5)
    every = np.linalg.norm(unit(values)[:, None] - bank[None], axis=2)
    np.testing.assert_allclose(
        neighbour_distance(bank, values, 7), np.sort(every, axis=1)[:, 6], atol=1e-6
    )


def test_all_three_agree_with_pytorch_ood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "oas_coefficient", lambda *_: 0.0)  # it does not shrink
    values, fresh = tokens_of(3000, 6), tokens_of(400, 7, shift=2.0)
    fit = fit_activations(shards_of(tmp_path, values), replace(SPEC, neighbour_tokens=3000), seed=0)
    found = fit.score(fresh)
    z, x = torch.from_numpy(values).double(), torch.from_numpy(fresh).double()
    one_class = torch.zeros(len(z), dtype=torch.long)
    # It does not divide its scatter matrix by the number of tokens, and halves one of the two.
    single = pytorch_ood("mahalanobis").Mahalanobis(None).fit_features(z.float(), one_class)
    ours = torch.from_numpy(found["mahalanobis"])
    theirs = 2 * len(z) * single.predict_features(x.float())
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    label = torch.from_numpy(KMeans(3, n_init=4, random_state=0).fit(unit(values)).labels_).long()
    relative = pytorch_ood("rmd").RMD(None).fit_features(z.float(), label)
    ours = torch.from_numpy(found["relative_mahalanobis"])
    theirs = len(z) * relative.predict_features(x.float())
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-2)
    assert theirs.std() > 1
    nearest = pytorch_ood("knn").KNN(None, k=5).fit_features(z.float(), one_class)
    torch.testing.assert_close(
        torch.from_numpy(found["knn_distance"]),
        nearest.predict_features(x.float()).float(), rtol=1e-4, atol=1e-5,
    )  # fmt: skip


def test_a_shift_scores_higher_under_each(fit: ActivationFit) -> None:
    familiar, strange = fit.score(tokens_of(1000, 8)), fit.score(tokens_of(1000, 9, shift=6.0))
    label = np.repeat([0, 1], 1000)
    for name in COLUMNS:
        assert roc_auc_score(label, np.concatenate([familiar[name], strange[name]])) > 0.9, name
    # Fresh tokens are about d_model away, in squared units.
    assert familiar["mahalanobis"].mean() == pytest.approx(6.0, rel=0.05)
    assert (familiar["knn_distance"] >= 0).all() and (strange["knn_distance"] <= 2).all()


def test_shards_and_order_do_not_matter_to_the_moments(tmp_path: Path) -> None:
    values = tokens_of(600, 10)
    plain = fit_activations(shards_of(tmp_path / "a", values), SPEC, 0)
    longer = fit_activations(shards_of(tmp_path / "b", values, context=30), SPEC, 0)
    np.testing.assert_allclose(plain.overall.whitener, longer.overall.whitener, rtol=1e-9)
    np.testing.assert_array_equal(plain.bank, longer.bank)
    again = fit_activations(shards_of(tmp_path / "c", values), SPEC, 1)
    assert not np.array_equal(plain.bank, again.bank)


def test_tokens_that_are_not_chosen_move_nothing(tmp_path: Path) -> None:
    values = tokens_of(600, 11)
    chosen = np.random.default_rng(0).random((60, 10)) < 0.5
    other = values.copy()
    other[~chosen.ravel()] = tokens_of(600, 12, shift=50.0)[~chosen.ravel()]
    fits = [
        fit_activations(shards_of(tmp_path / name, table, chosen=chosen), SPEC, 0)
        for name, table in (("a", values), ("b", other))
    ]
    for name, tensor in fits[0].tensors().items():
        assert torch.equal(tensor, fits[1].tensors()[name]), name
    assert fits[0].facts() == fits[1].facts()
    assert fits[0].n_tokens == chosen.sum()


def test_norm_outliers_are_neither_fitted_on_nor_let_loose(tmp_path: Path) -> None:
    values = tokens_of(600, 13)
    clean = fit_activations(shards_of(tmp_path / "a", values), SPEC, 0)
    sink = np.float32([[0, 0, 0, 0, 0, 3000]])
    spoilt = np.concatenate([values, np.repeat(sink, 10, axis=0)])
    found = fit_activations(shards_of(tmp_path / "b", spoilt), SPEC, 0)
    assert (found.n_tokens, found.n_outliers) == (600, 10)
    np.testing.assert_allclose(found.overall.whitener, clean.overall.whitener, rtol=1e-9)
    assert found.norm_limit == pytest.approx(
        OUTLIER_RATIO * np.median(np.linalg.norm(spoilt, axis=1))
    )
    low, high = clean.limits[0]
    regular = clean.score(values)["mahalanobis"]
    assert (regular.min(), regular.max()) == (pytest.approx(low), pytest.approx(high))
    assert clean.score(sink)["mahalanobis"] == pytest.approx(high)
    assert clean.score(sink)["relative_mahalanobis"] <= clean.limits[1, 1] * (1 + 1e-6)
    # Only outliers are clipped: a regular token may be stranger than all that were fitted on.
    strange = np.float32([[0, 0, 0, 40, 5, 0]])
    assert np.linalg.norm(strange) < clean.norm_limit
    assert clean.score(strange)["mahalanobis"] > high


def test_a_fit_survives_its_artifact(tmp_path: Path, fit: ActivationFit) -> None:
    writer = ShardWriter(tmp_path / "fit", work=tmp_path / "work", key="k", n_shards=1)
    writer.write(0, fit.tensors())
    writer.publish(fit.facts())
    again = ActivationFit.from_artifact(Artifact.open(tmp_path / "fit"))
    tokens = shards_of(tmp_path / "x", tokens_of(300, 14))
    ours, theirs = score_activations(fit, tokens), score_activations(again, tokens)
    for name in COLUMNS:
        np.testing.assert_array_equal(ours[name], theirs[name])
        assert ours[name].shape == (30, 10) and ours[name].dtype == np.float32
    assert again.facts() == fit.facts()


def test_a_dimension_that_never_varies_is_no_obstacle(tmp_path: Path) -> None:
    values = tokens_of(600, 15)
    values[:, 5] = 1.0
    found = fit_activations(shards_of(tmp_path, values), SPEC, 0)
    moved = values[:1].copy()
    moved[0, 5] = 2.0
    before, after = found.score(values[:1]), found.score(moved)
    assert np.isfinite(after["mahalanobis"]) and after["mahalanobis"] > before["mahalanobis"]


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_what_cannot_be_fitted_or_scored_is_refused(tmp_path: Path, fit: ActivationFit) -> None:
    with pytest.raises(DataError, match="have 0 tokens"):
        none = np.zeros((60, 10), dtype=bool)
        fit_activations(shards_of(tmp_path / "a", tokens_of(600, 0), chosen=none), SPEC, 0)
    with pytest.raises(DataError, match=r"have 10 tokens .* at least 11"):
        fit_activations(shards_of(tmp_path / "b", tokens_of(10, 0)), replace(SPEC, neighbour=11), 0)
    with pytest.raises(DataError, match="do not vary"):
        fit_activations(shards_of(tmp_path / "c", np.ones((600, 6), np.float32)), SPEC, 0)
    with pytest.raises(DataError, match=r"width 5, the .* width 6"):
        score_activations(fit, shards_of(tmp_path / "d", np.ones((50, 5), np.float32)))
    for shape in ((59, 10), (61, 10), (60, 9)):
        other = np.ones(shape, dtype=bool)
        with pytest.raises(ArtifactError, match="not of the same sample"):
            folder = tmp_path / str(shape)
            score_activations(fit, shards_of(folder, tokens_of(600, 0), chosen=other))
    with pytest.raises(ConfigError, match="no such neighbour"):
        UncertaintySpec(neighbour=6, neighbour_tokens=5)
    with pytest.raises(ConfigError, match="n_clusters"):
        UncertaintySpec(n_clusters=1)


def test_the_registry_reads_the_columns_that_are_computed(fit: ActivationFit) -> None:
    for name in COLUMNS:
        assert SCORES[name].reads == (name,) and SCORES[name].family == "activation"
    assert {"sample", *fit.facts()} == {field.name for field in fields(FittedOn)}
