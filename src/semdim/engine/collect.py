"""Artifacts of one model and corpus -> the ledger's columns."""

from collections.abc import Mapping

import numpy as np
import torch

from semdim.artifacts.shards import Artifact
from semdim.engine.encode import codes_of_shard
from semdim.engine.norms import summarise_activations
from semdim.engine.ranks import deepest_rank
from semdim.engine.sample import bos_mask
from semdim.errors import ArtifactError
from semdim.ledger import LOSS_PREFIX

MODEL_SCORES = ("max_prob", "entropy", "energy")


def token_columns(
    token_ids: torch.Tensor,
    bos_token_id: int,
    activations: Artifact,
    codes: Artifact,
    atom_order: torch.Tensor,
) -> dict[str, np.ndarray]:
    """Columns with one value per token: arrays [S, T]."""
    shape = tuple(token_ids.shape)
    summary = summarise_activations(activations)
    read: dict[str, list[torch.Tensor]] = {
        "n_active": [],
        "deepest_rank": [],
        "code_norm": [],
        "reconstruction_error": [],
    }
    for shard in codes:
        read["n_active"].append(shard["row_starts"].diff().int())
        read["deepest_rank"].append(
            deepest_rank(codes_of_shard(shard, len(atom_order)), atom_order)
        )
        read["code_norm"].append(shard["code_norm"])
        read["reconstruction_error"].append(shard["reconstruction_error"])
    columns = {name: torch.cat(parts).view(shape) for name, parts in read.items()}
    columns |= {
        "is_bos": bos_mask(token_ids, bos_token_id),
        "is_outlier": summary["is_outlier"],
        "activation_norm": summary["norm"],
        "centred_norm": summary["centred_norm"],
    }
    return {name: column.numpy() for name, column in columns.items()}


def prediction_columns(losses: Mapping[str, Artifact]) -> dict[str, np.ndarray]:
    """Columns with one value per prediction: arrays [S, T − 1], a loss for each proxy; NaN in
    sequences that a proxy was not run on.

    Raises:
        ArtifactError: the losses of the proxy ``model`` are not among them.
    """
    if "model" not in losses:
        raise ArtifactError("The ledger needs the losses of the proxy 'model'; compute them first.")
    columns = {}
    n_sequences = len(_column(losses["model"], "nll"))
    for name, artifact in losses.items():
        column = _column(artifact, "nll")
        absent = ((0, n_sequences - len(column)), (0, 0))
        columns[LOSS_PREFIX + name] = np.pad(column, absent, constant_values=np.nan)
    for name in MODEL_SCORES:
        columns[name] = _column(losses["model"], name)
    return columns


def _column(artifact: Artifact, name: str) -> np.ndarray:
    return torch.cat([shard[name] for shard in artifact]).numpy()


def explained_variance(columns: Mapping[str, np.ndarray], where: np.ndarray) -> float:
    """1 − Σ‖h − S(h)‖² / Σ‖h − mean‖² over the tokens where ``where`` holds."""
    error = np.square(columns["reconstruction_error"][where], dtype=np.float64).sum()
    return float(1.0 - error / np.square(columns["centred_norm"][where], dtype=np.float64).sum())


def corpus_facts(columns: Mapping[str, np.ndarray]) -> dict[str, float]:
    """What `setup.json` says of a corpus's codes: explained variance and outliers."""
    inside = np.ones_like(columns["is_bos"])
    inside[:, 0] = False
    regular = inside & ~columns["is_outlier"]
    return {
        "explained_variance": explained_variance(columns, regular),
        "explained_variance_with_outliers": explained_variance(columns, inside),
        "n_outliers": float((columns["is_outlier"] & inside).sum()),
        "mean_n_active": float(columns["n_active"][inside].mean()),
    }
