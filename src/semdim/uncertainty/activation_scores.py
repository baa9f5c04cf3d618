"""Scores from cached activations: Mahalanobis, relative Mahalanobis, nearest neighbours.

All are fitted on **the tokens of the ID corpus's fit documents alone** (``rows.fit_split``, the
same documents on which everything else in the study is fitted): no document that is evaluated and
no other corpus is looked at. Higher = more out of distribution.

``mahalanobis``
    (h − μ)ᵀΣ⁻¹(h − μ) under one Gaussian: Lee et al., "A simple unified framework for detecting
    out-of-distribution samples and adversarial attacks" (2018), without classes.
``relative_mahalanobis``
    min_c (h − μ_c)ᵀΣ_w⁻¹(h − μ_c) − (h − μ)ᵀΣ⁻¹(h − μ), μ_c the classes, Σ_w the covariance within
    them: Ren et al., "A simple fix to Mahalanobis distance for improving near-OOD detection"
    (2021). Tokens have no classes. As Sehwag et al. do for unlabelled data ("SSD: a unified
    framework for self-supervised outlier detection", 2021), k-means clusters stand for them, here
    of the directions h/‖h‖. Both covariances get the same ridge (``distances.Ridge``). The other
    reading, a background Gaussian fitted on a broad corpus (Ren et al., "Out-of-distribution
    detection and selective generation for conditional language models", 2023), would need a corpus
    apart from all that are tested: fitted on those, it would have seen the test.
``knn_distance``
    distance of h/‖h‖ to its k-th nearest among a random subsample of fit tokens (Sun et al. 2022).

Position 0 and BOS tokens are never fitted on, and ``positions.counted`` keeps them out of every
rate. **Norm outliers** (‖h‖ above ten medians of the fit tokens: attention sinks in mid-text) are
not fitted on either, because a handful would be most of Σ. When they are scored, both Mahalanobis
scores are clipped to the range that they have on the fit tokens: an outlier counts as no stranger
than the strangest familiar token, and does not drown the hundred others in a sequence's mean.
Directions have no length, so ``knn_distance`` needs no such rule.

Memory: one shard, a few [d, d] matrices and the subsample, however large the corpus.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from sklearn.cluster import KMeans

from semdim.activations.norms import OUTLIER_RATIO
from semdim.activations.source import ActivationSource
from semdim.artifacts.shards import Artifact
from semdim.errors import ArtifactError, DataError
from semdim.uncertainty.distances import Gaussians, Moments, Ridge, neighbour_distance, unit
from semdim.uncertainty.rows import generator
from semdim.uncertainty.spec import UncertaintySpec

if TYPE_CHECKING:
    from torch import Tensor

COLUMNS = ("mahalanobis", "relative_mahalanobis", "knn_distance")


@dataclass(frozen=True)
class TokenShards:
    """The chosen tokens of a corpus, read shard by shard as often as they are iterated over."""

    activations: ActivationSource
    """Shards ``activation`` [s, T, d]."""
    chosen: Bool[np.ndarray, "sequences context"]
    """Which tokens."""
    times: Int[np.ndarray, " sequences"] | None = None
    """How often each sequence's tokens come; None: once."""

    def __iter__(self) -> Iterator[Float32[np.ndarray, "tokens d_model"]]:
        """The chosen rows of each shard. Raises ``ArtifactError`` for another sample's shards."""
        first = 0
        for shard in self.activations:
            activation = shard["activation"].float().numpy()
            rows = self.chosen[first : first + len(activation)]
            if rows.shape != activation.shape[:2]:
                break
            values = activation[rows]
            if self.times is not None:
                times = self.times[first : first + len(activation), None]
                values = values.repeat(np.broadcast_to(times, rows.shape)[rows], axis=0)
            first += len(activation)
            yield values
        if first != len(self.chosen):
            raise ArtifactError(
                f"{self.activations.folder} does not hold the {len(self.chosen)} sequences of the "
                "tokens: they are not of the same sample; recompute it with `dvc repro --force`."
            )


@dataclass(frozen=True)
class ActivationFit:
    """What the three scores know of familiar activations."""

    overall: Gaussians
    """One Gaussian for all fit tokens."""
    clusters: Gaussians
    """One centre for each cluster of directions, one covariance within them."""
    bank: Float32[np.ndarray, "bank d_model"]
    """Unit vectors: the subsample among which neighbours are sought."""
    neighbour: int
    """Which neighbour's distance counts."""
    norm_limit: float
    """‖h‖ beyond which a token is a norm outlier."""
    limits: Float[np.ndarray, "2 2"]
    """Smallest and largest value on the fit tokens of mahalanobis and of relative_mahalanobis."""
    n_tokens: int
    """Tokens fitted on."""
    n_outliers: int
    """Norm outliers among the fit documents' tokens, left out."""

    def facts(self) -> dict[str, Any]:
        """The fit in numbers, for a reader."""
        return {
            "n_tokens": self.n_tokens,
            "n_outliers": self.n_outliers,
            "norm_limit": self.norm_limit,
            "n_clusters": len(self.clusters.means),
            "bank_tokens": len(self.bank),
            "neighbour": self.neighbour,
            "shrinkage": self.overall.shrinkage,
        }

    def tensors(self) -> "dict[str, Tensor]":
        """For an artifact; read back by ``from_artifact``."""
        import torch

        arrays = {
            "mean": self.overall.means,
            "whitener": self.overall.whitener,
            "cluster_means": self.clusters.means,
            "cluster_whitener": self.clusters.whitener,
            "bank": self.bank,
            "limits": self.limits,
        }
        return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}

    @classmethod
    def from_artifact(cls, artifact: Artifact, refit: int | None = None) -> "ActivationFit":
        """Read what ``tensors`` and ``facts`` wrote: the fit, or a refit (shard 1 + its number)."""
        shard = 0 if refit is None else 1 + refit
        arrays = {name: tensor.numpy() for name, tensor in artifact.read(shard).items()}
        facts = artifact.facts if refit is None else artifact.facts["refits"][refit]
        return cls(
            overall=Gaussians(arrays["mean"], arrays["whitener"], facts["shrinkage"]),
            clusters=Gaussians(
                arrays["cluster_means"], arrays["cluster_whitener"], facts["shrinkage"]
            ),
            bank=arrays["bank"],
            neighbour=facts["neighbour"],
            norm_limit=facts["norm_limit"],
            limits=arrays["limits"],
            n_tokens=facts["n_tokens"],
            n_outliers=facts["n_outliers"],
        )

    def _distances(
        self, values: Float[np.ndarray, "tokens d_model"]
    ) -> Float[np.ndarray, "2 tokens"]:
        overall = self.overall.squared_distance(values)
        return np.stack([overall, self.clusters.squared_distance(values) - overall])

    def score(
        self, values: Float[np.ndarray, "tokens d_model"]
    ) -> dict[str, Float32[np.ndarray, " tokens"]]:
        """The scores of tokens (``COLUMNS``), norm outliers clipped as the module says."""
        distances = self._distances(values)
        outlier = np.linalg.norm(values, axis=1) > self.norm_limit
        distances[:, outlier] = np.clip(
            distances[:, outlier], self.limits[:, :1], self.limits[:, 1:]
        )
        columns = (*distances, neighbour_distance(self.bank, values, self.neighbour))
        return {
            name: column.astype(np.float32) for name, column in zip(COLUMNS, columns, strict=True)
        }


def fit_activations(tokens: TokenShards, spec: UncertaintySpec, seed: int) -> ActivationFit:
    """Fit all three scores on the chosen tokens, in four passes over their shards.

    Args:
        tokens: the tokens of the ID corpus's fit documents, BOS left out.
        spec: n_clusters, neighbour_tokens and neighbour of it are used.
        seed: of the whole run; it decides the subsample and the clusters' start.

    Raises ``DataError`` for too few tokens, or tokens that do not vary.
    """
    norm = np.concatenate([np.linalg.norm(values, axis=1) for values in tokens])
    limit = OUTLIER_RATIO * float(np.median(norm)) if norm.size else 0.0
    n_tokens = int((norm <= limit).sum())
    fewest = max(spec.n_clusters, spec.neighbour, 2)
    if n_tokens < fewest:
        raise DataError(
            f"The ID corpus's fit documents have {n_tokens} tokens to fit distances on; at least "
            f"{fewest} are needed: use more ID documents, or lower uncertainty.n_clusters and "
            "uncertainty.neighbour."
        )

    def regular() -> Iterator[Float32[np.ndarray, "tokens d_model"]]:
        for values in tokens:
            yield values[np.linalg.norm(values, axis=1) <= limit]

    sample = _subsample(regular(), n_tokens, spec.neighbour_tokens, seed)
    bank = unit(sample)
    means = KMeans(spec.n_clusters, n_init=4, random_state=seed).fit(bank)
    moments = Moments(sample.mean(axis=0), spec.n_clusters)
    for values in regular():
        if len(values):
            moments.add(values, means.predict(unit(values)))
    covariance = moments.covariance()
    ridge = Ridge.of(covariance, n_tokens)
    fit = ActivationFit(
        overall=Gaussians.estimate(moments.mean[None], covariance, ridge),
        clusters=Gaussians.estimate(moments.cluster_means, moments.covariance_within(), ridge),
        bank=bank,
        neighbour=spec.neighbour,
        norm_limit=limit,
        limits=np.array([[np.inf, -np.inf]] * 2),
        n_tokens=n_tokens,
        n_outliers=len(norm) - n_tokens,
    )
    for values in regular():
        if len(values):
            distances = fit._distances(values)
            fit.limits[:, 0] = np.minimum(fit.limits[:, 0], distances.min(axis=1))
            fit.limits[:, 1] = np.maximum(fit.limits[:, 1], distances.max(axis=1))
    return fit


def _subsample(
    shards: Iterator[Float32[np.ndarray, "tokens d_model"]], n_tokens: int, most: int, seed: int
) -> Float32[np.ndarray, "bank d_model"]:
    """At most ``most`` of the tokens, drawn without replacement, in the order of the corpus."""
    rng = generator(seed, "activation bank")
    chosen = np.zeros(n_tokens, dtype=bool)
    chosen[rng.choice(n_tokens, size=min(most, n_tokens), replace=False)] = True
    parts, first = [], 0
    for values in shards:
        parts.append(values[chosen[first : first + len(values)]])
        first += len(values)
    return np.concatenate(parts)


def score_sequences(
    fit: ActivationFit, tokens: TokenShards
) -> dict[str, Float32[np.ndarray, "sequences context"]]:
    """Every score of the chosen tokens; NaN elsewhere."""
    parts = [fit.score(values) for values in tokens if len(values)]
    columns = {}
    for name in COLUMNS:
        column = np.full(tokens.chosen.shape, np.nan, dtype=np.float32)
        column[tokens.chosen] = np.concatenate([part[name] for part in parts])
        columns[name] = column
    return columns


def score_activations(
    fit: ActivationFit, tokens: TokenShards
) -> dict[str, Float32[np.ndarray, "sequences context"]]:
    """Every score (``COLUMNS``) of every token of a corpus, position 0 included.

    Raises ``DataError`` when the activations have another width than those fitted on.
    """
    columns: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
    for values in tokens:
        if values.shape[1] != fit.bank.shape[1]:
            raise DataError(
                f"{tokens.activations.folder} holds activations of width {values.shape[1]}, the "
                f"distances were fitted at width {fit.bank.shape[1]}; recompute both."
            )
        for name, column in fit.score(values).items():
            columns[name].append(column)
    shape = tokens.chosen.shape
    return {name: np.concatenate(parts).reshape(shape) for name, parts in columns.items()}
