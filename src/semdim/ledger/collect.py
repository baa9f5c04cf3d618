"""Artifacts of one model and corpus -> the ledger's columns, shard by shard."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int, Int32
from torch import Tensor

from semdim.activations.norms import familiar_activations
from semdim.artifacts.shards import Artifact
from semdim.atoms.rank import deepest_rank
from semdim.codes.encode import codes_of_shard
from semdim.errors import ArtifactError
from semdim.ledger.table import LOSS_PREFIX, build_table
from semdim.tokens.sample import bos_mask

MODEL_SCORES = ("max_prob", "entropy", "energy")
_SUMS = (
    "error", "centred", "error_with_outliers", "centred_with_outliers", "n_tokens", "n_outliers",
    "n_active",
)  # fmt: skip


@dataclass(frozen=True)
class LedgerPart:
    """The sequences of one shard."""

    first: int
    """Index of its first sequence within the sample."""
    token_ids: np.ndarray
    """int32 [s, T]."""
    per_token: dict[str, np.ndarray]
    """Arrays [s, T]."""
    per_prediction: dict[str, np.ndarray]
    """Arrays [s, T − 1]: a loss for each proxy, and the model's scores."""

    def table(self, document: Int32[np.ndarray, " sequences"]) -> pa.Table:
        """Its rows of the ledger; ``document`` is that of every sequence of the sample."""
        of_part = document[self.first : self.first + len(self.token_ids)]
        return build_table(
            self.token_ids, of_part, self.per_token, self.per_prediction, None, first=self.first
        )


def norm_columns(activations: Artifact) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
    """How the norms of a shard are had: computed from stored activations, or read where
    `cache_activations` kept the norms alone (``engine.store_activations: false``)."""
    if activations.facts.get("stored", True):
        reference = familiar_activations(activations)
        return lambda shard: dict(reference.columns(shard["activation"]))
    return dict


def ledger_parts(
    token_ids: Int[Tensor, "sequences context"],
    activations: Artifact,
    codes: Artifact,
    losses: Mapping[str, Artifact],
    atom_order: Int[Tensor, " dict_size"],
    *,
    bos_token_id: int,
) -> Iterator[LedgerPart]:
    """The ledger's columns, one shard in memory at a time; NaN in sequences that a proxy was not
    run on.

    Raises:
        ArtifactError: the losses of the proxy ``model`` are missing, or the artifacts are not
            of the same tokens.
    """
    if "model" not in losses:
        raise ArtifactError("The ledger needs the losses of the proxy 'model'; compute them first.")
    for artifact in (activations, losses["model"]):
        if len(artifact) != len(codes):
            raise ArtifactError(
                f"{artifact.folder} has {len(artifact)} shards, {codes.folder} has {len(codes)}: "
                "they are not of the same tokens; recompute both with `dvc repro --force`."
            )
    norms, first = norm_columns(activations), 0
    others = {name: _padded(artifact) for name, artifact in losses.items()}
    for shard, norm_shard, of_model in zip(codes, activations, losses["model"], strict=True):
        n_sequences = len(of_model["nll"])
        per_prediction = {LOSS_PREFIX + name: take(n_sequences) for name, take in others.items()}
        per_prediction |= {name: of_model[name].numpy() for name in MODEL_SCORES}
        ids = token_ids[first : first + n_sequences]
        columns = {
            "n_active": shard["row_starts"].diff().int(),
            "deepest_rank": deepest_rank(codes_of_shard(shard, len(atom_order)), atom_order),
            "code_norm": shard["code_norm"],
            "reconstruction_error": shard["reconstruction_error"],
        }
        if len(shard["code_norm"]) != ids.numel():
            raise ArtifactError(
                f"{codes.folder} and {losses['model'].folder} are not of the same tokens; "
                "recompute both with `dvc repro --force`."
            )
        norm = norms(norm_shard)
        per_token = {name: column.view(ids.shape) for name, column in columns.items()} | {
            "is_bos": bos_mask(ids, bos_token_id),
            "is_outlier": norm["is_outlier"],
            "activation_norm": norm["norm"],
            "centred_norm": norm["centred_norm"],
        }
        arrays = {name: column.numpy() for name, column in per_token.items()}
        yield LedgerPart(first, ids.numpy(), arrays, per_prediction)
        first += len(ids)
    if first != len(token_ids):
        raise ArtifactError(
            f"{codes.folder} holds {first} sequences, the tokens have {len(token_ids)}: they are "
            "not of the same sample; recompute it with `dvc repro --force`."
        )


def _padded(losses: Artifact) -> Callable[[int], Float32[np.ndarray, "sequences predictions"]]:
    """Takes a shard's number of sequences and gives their losses, NaN where there are none: a
    proxy may have been run on the first sequences of the sample alone."""
    shards, last = enumerate(losses), len(losses) - 1
    width = losses.shape(0, "nll")[1]

    def take(n_sequences: int) -> Float32[np.ndarray, "sequences predictions"]:
        index, shard = next(shards, (last, None))
        values = np.empty((0, width), np.float32) if shard is None else shard["nll"].numpy()
        absent = n_sequences - len(values)
        if absent < 0 or (absent > 0 and index != last):
            raise ArtifactError(
                f"{losses.folder} is not of the sample's tokens; recompute it with "
                "`dvc repro --force`."
            )
        return np.pad(values, ((0, absent), (0, 0)), constant_values=np.nan)

    return take


@dataclass
class CorpusFacts:
    """What `setup.json` says of a corpus's codes, summed up shard by shard."""

    _sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_SUMS, 0.0))

    def add(self, columns: Mapping[str, np.ndarray]) -> None:
        """Count in the tokens of one shard: arrays [s, T] by the ledger's names."""
        inside = np.ones_like(columns["is_bos"])
        inside[:, 0] = False
        error, centred = (
            np.square(columns[name], dtype=np.float64)
            for name in ("reconstruction_error", "centred_norm")
        )
        for where, suffix in ((inside & ~columns["is_outlier"], ""), (inside, "_with_outliers")):
            self._sums[f"error{suffix}"] += float(error[where].sum())
            self._sums[f"centred{suffix}"] += float(centred[where].sum())
        self._sums["n_tokens"] += float(inside.sum())
        self._sums["n_outliers"] += float((columns["is_outlier"] & inside).sum())
        self._sums["n_active"] += float(columns["n_active"][inside].sum())

    def as_dict(self) -> dict[str, float]:
        """Explained variance 1 − Σ‖h − S(h)‖² / Σ‖h − mean‖², outliers, and the mean k; position 0
        is left out of all of them."""
        sums = self._sums
        return {
            f"explained_variance{suffix}": 1.0 - sums[f"error{suffix}"] / sums[f"centred{suffix}"]
            for suffix in ("", "_with_outliers")
        } | {
            "n_outliers": sums["n_outliers"],
            "mean_n_active": sums["n_active"] / sums["n_tokens"],
        }
