"""Activations to train on: computed once, kept on disk in bfloat16, served shuffled.

The unit of work is a shard: the activations of ``shard_sequences`` windows. A shard that exists is
never computed again, so a killed run resumes where it stopped, and further epochs or a sweep cost
no forward pass. With the cache off, shards are computed as they are asked for and forgotten.
"""

import copy
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from semdim.artifacts.shards import write_atomically
from semdim.errors import ArtifactError, DataError
from semdim.forward.parallel import side_by_side
from semdim.reading import read_json, reading
from semdim.records import from_plain

Prefix = Callable[
    [Int[Tensor, "batch context"]],
    Float[Tensor, "batch context d_model"],
]
"""Token ids to the residual stream at the hook point."""


@dataclass(frozen=True)
class Facts:
    """What a folder of shards holds."""

    fingerprint: str
    """Of everything that decides the activations: model, hook, windows, outlier rule."""
    median_norm: float
    """Of the first shard, position 0 left out."""
    norm_limit: float
    """A position whose norm exceeds this is an outlier and is not trained on."""
    mean_norm: float
    """Of the kept positions of the first shard: the input scale."""
    mean: tuple[float, ...]
    """Of the kept positions of the first shard, per dimension: where the decoder bias starts."""


def read_facts(path: Path) -> Facts:
    """The facts that were kept with shards; ArtifactError where they cannot be read."""
    content = read_json(path, advice=f"remove {path.parent}")
    return from_plain(content, Facts, str(path))


class ShardStore:
    """Shards of activations [n_tokens, d_model] in bfloat16 on the CPU, position 0 left out, and
    outliers, too."""

    def __init__(
        self,
        token_ids: NDArray[np.int32],
        prefix: Prefix,
        *,
        fingerprint: str,
        shard_sequences: int,
        batch_size: int,
        outlier_ratio: float,
        folder: Path | None,
        device: str = "cpu",
    ) -> None:
        """``folder`` is where shards are kept; None computes them again each time. ``device`` is
        that of ``prefix``.

        Raises:
            ArtifactError: the folder holds the shards of other windows or of another model.
        """
        self.token_ids = token_ids
        self.prefix = prefix
        self.shard_sequences = shard_sequences
        self.batch_size = batch_size
        self.outlier_ratio = outlier_ratio
        self.folder = folder
        self.device = device
        self.n_shards = -(-len(token_ids) // shard_sequences)
        self.facts = self._load_or_measure(fingerprint)

    def shard(self, index: int) -> Float[Tensor, "tokens d_model"]:
        """The activations of shard ``index``: read, or computed (and kept)."""
        path = self._path(index)
        if path is not None and path.exists():
            with reading(path, "stored activations", f"remove {path}"):
                return load_file(path)["activations"]
        raw = self._compute(index)
        kept = raw[raw.float().norm(dim=-1) <= self.facts.norm_limit]
        if path is not None:
            _write(path, kept)
        return kept

    def everything(self) -> Float[Tensor, "tokens d_model"]:
        """All shards at once: for small stores."""
        return torch.cat([self.shard(index) for index in range(self.n_shards)])

    def head(self, n_shards: int) -> "ShardStore":
        """The same store, the first ``n_shards`` shards of it alone."""
        part = copy.copy(self)
        part.token_ids = self.token_ids[: n_shards * self.shard_sequences]
        part.n_shards = min(n_shards, self.n_shards)
        return part

    def rows_in(self, index: int) -> int:
        """Positions of shard ``index`` before outliers are left out."""
        first = index * self.shard_sequences
        n_sequences = min(self.shard_sequences, len(self.token_ids) - first)
        return n_sequences * (self.token_ids.shape[1] - 1)

    @property
    def n_rows(self) -> int:
        """Positions of all windows, position 0 left out, before outliers are."""
        return sum(self.rows_in(index) for index in range(self.n_shards))

    def _path(self, index: int) -> Path | None:
        return None if self.folder is None else self.folder / f"shard-{index:05d}.safetensors"

    @torch.no_grad()
    def _compute(self, index: int) -> Float[Tensor, "tokens d_model"]:
        first = index * self.shard_sequences
        ids = torch.from_numpy(self.token_ids[first : first + self.shard_sequences]).long()
        parts = side_by_side(self.prefix, ids.split(self.batch_size), self.device)
        raw = torch.cat([part[:, 1:].flatten(0, 1) for part in parts])
        if not bool(raw.isfinite().all()):
            raise DataError(
                f"the model's activations of windows {first}–{first + len(ids) - 1} are not finite;"
                " a float16 prefix overflows on some models, use bfloat16 or float32"
            )
        return raw.bfloat16().cpu()  # a shard that is read again comes from the disk

    def _load_or_measure(self, fingerprint: str) -> Facts:
        path = None if self.folder is None else self.folder / "facts.json"
        if path is not None and path.exists():
            facts = read_facts(path)
            if facts.fingerprint != fingerprint:
                raise ArtifactError(
                    f"{self.folder} holds activations of other text, another model or another "
                    "hook point; remove it or name another folder"
                )
            return facts
        facts = measure(self._compute(0), fingerprint, self.outlier_ratio)
        if path is not None:
            write_atomically(path, json.dumps(facts.__dict__, indent=1))
        return facts


def measure(raw: Float[Tensor, "tokens d_model"], fingerprint: str, outlier_ratio: float) -> Facts:
    """The norms and the mean of a first shard, which fix the outlier rule and the input scale."""
    norms = raw.float().norm(dim=-1)
    median = float(norms.median())
    kept = norms <= outlier_ratio * median
    mean = raw[kept].float().mean(dim=0)
    return Facts(
        fingerprint, median, outlier_ratio * median, float(norms[kept].mean()), tuple(mean.tolist())
    )


def _write(path: Path, activations: Float[Tensor, "tokens d_model"]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    save_file({"activations": activations.contiguous()}, temporary)
    os.replace(temporary, path)
