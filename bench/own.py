"""semdim's way from tokens to the ledger, by the functions that the stages call, step by step."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int32
from torch import Tensor

from bench.subjects import Subject
from semdim.artifacts.folder import FolderPlace
from semdim.artifacts.protocols import ShardPlace
from semdim.forward.split import SplitModel
from semdim.ledger.table import LedgerWriter
from semdim.steps import Steps

PROXIES = ("model", "sae")


@dataclass
class Clock:
    """Seconds of each step."""

    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, step: str, work: Callable[[], None]) -> None:
        """Run a step; every step ends with its result on the disk, so no device is still at it."""
        start = time.perf_counter()
        work()
        self.seconds[step] = time.perf_counter() - start


def tokens_to_ledger(
    subject: Subject,
    split: SplitModel,
    token_ids: Int32[Tensor, "sequences context"],
    folder: Path,
    *,
    batch_sequences: int,
    shard_sequences: int,
    proxies: Sequence[str] = PROXIES,
    is_stored: bool = True,
    place: ShardPlace | None = None,
) -> dict[str, float]:
    """Write ``folder``/ledger.parquet; returns the seconds of each step.

    Args:
        folder: for the shards, too, unless ``place`` is given.
        is_stored: activations are cached; False computes them again in each step, as
            ``engine.store_activations=false`` does.
        place: where the shards lie, in memory for instance; the ledger is then a table in memory,
            and nothing is written.
    """
    clock = Clock()
    steps = Steps(
        split,
        subject.sae,
        subject.decoder,
        token_ids,
        FolderPlace(folder) if place is None else place,
        subject.bos_token_id,
        atom_order=torch.arange(len(subject.decoder.weight)),
        batch_sequences=batch_sequences,
        shard_sequences=shard_sequences,
        is_stored=is_stored,
    )

    def ledger() -> None:
        documents = np.arange(len(token_ids), dtype=np.int32) // 4
        if place is None:
            table = LedgerWriter(folder / "ledger.parquet")
            table.finish({"codes": asdict(steps.collect(proxies, documents, table.append))})
        else:
            parts: list[pa.Table] = []
            steps.collect(proxies, documents, parts.append)
            pa.concat_tables(parts)

    clock.time("prefix", steps.cache_activations)
    clock.time("encode", steps.encode_codes)
    # Together, as `measure` runs them: the proxies are compared with the model's logits.
    clock.time(f"losses of {', '.join(proxies)}", lambda: steps.compute_losses(proxies))
    clock.time("ledger", ledger)
    return clock.seconds


def losses_of(place: ShardPlace, proxies: Sequence[str] = PROXIES) -> dict[str, np.ndarray]:
    """The losses that `tokens_to_ledger` left in ``place``, [S, T − 1] each."""
    return {
        name: np.concatenate([shard["nll"].numpy() for shard in place.source(f"losses/{name}")])
        for name in proxies
    }


def mean_n_active(place: ShardPlace) -> float:
    """Mean k over all tokens, from the codes that `tokens_to_ledger` left in ``place``."""
    codes = place.source("codes")
    atoms = sum(codes.shape(index, "atoms")[0] for index in range(len(codes)))
    return atoms / sum(codes.shape(index, "code_norm")[0] for index in range(len(codes)))
