"""semdim's way from tokens to the ledger, by the functions that the stages call, step by step."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int32
from torch import Tensor

from bench.subjects import Subject
from semdim.activations.cache import cache_activations
from semdim.activations.norms import cache_norms
from semdim.activations.source import ActivationSource, RecomputedActivations
from semdim.artifacts.shards import Artifact, ShardWriter
from semdim.codes.encode import encode_codes
from semdim.forward.split import SplitModel
from semdim.ledger.collect import CorpusFacts, ledger_parts
from semdim.ledger.table import LedgerWriter
from semdim.proxies.losses import LossColumn, compute_losses
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.tokens.sample import shard_ranges

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
) -> dict[str, float]:
    """Write ``folder``/ledger.parquet; returns the seconds of each step.

    Args:
        is_stored: activations are cached; False computes them anew in each step, as
            ``engine.store_activations=false`` does.
    """
    clock, device = Clock(), subject.device
    n_shards = len(shard_ranges(len(token_ids), shard_sequences))

    def writer(name: str) -> ShardWriter:
        key = name.replace("/", "-")
        return ShardWriter(folder / name, work=folder / "partial", key=key, n_shards=n_shards)

    def nothing(_: int) -> None:
        return None

    recomputed = RecomputedActivations(
        split, token_ids, shard_sequences=shard_sequences, batch_sequences=batch_sequences,
        folder=folder / "activations",
    )  # fmt: skip

    def activations() -> ActivationSource:
        return Artifact.open(folder / "activations") if is_stored else recomputed

    def prefix() -> None:
        shards = writer("activations")
        if is_stored:
            cache_activations(
                split, token_ids, shards, shard_sequences=shard_sequences,
                batch_sequences=batch_sequences, update=nothing,
            )  # fmt: skip
        else:
            cache_norms(recomputed, shards, update=nothing)
        shards.publish({"stored": is_stored})

    def encode() -> None:
        shards = writer("codes")
        encode_codes(
            subject.sae, subject.decoder.weight, subject.decoder.bias, activations(), shards,
            batch_rows=batch_sequences * token_ids.shape[1], device=device, update=nothing,
        )  # fmt: skip
        shards.publish({})

    def losses(names: Sequence[str]) -> None:
        columns = [
            LossColumn(
                Reconstructor(
                    parse_proxy(name), subject.decoder.weight, subject.decoder.bias, seed=0
                ),
                writer(f"losses/{name}"),
            )
            for name in names
        ]
        compute_losses(
            split, columns, token_ids, activations(), Artifact.open(folder / "codes"),
            bos_token_id=subject.bos_token_id, batch_sequences=batch_sequences, update=nothing,
        )  # fmt: skip
        for column in columns:
            column.writer.publish({})

    def ledger() -> None:
        table, facts = LedgerWriter(folder / "ledger.parquet"), CorpusFacts()
        documents = np.arange(len(token_ids), dtype=np.int32) // 4
        for part in ledger_parts(
            token_ids,
            Artifact.open(folder / "activations"),
            Artifact.open(folder / "codes"),
            {name: Artifact.open(folder / "losses" / name) for name in proxies},
            torch.arange(len(subject.decoder.weight)),
            bos_token_id=subject.bos_token_id,
        ):
            table.append(part.table(documents))
            facts.add(part.per_token)
        table.finish(facts.as_dict())

    clock.time("prefix", prefix)
    clock.time("encode", encode)
    for names in [[name] for name in proxies] if is_stored else [list(proxies)]:
        clock.time(f"losses of {', '.join(names)}", lambda names=names: losses(names))  # type: ignore[misc]
    clock.time("ledger", ledger)
    return clock.seconds


def losses_of(folder: Path, proxies: Sequence[str] = PROXIES) -> dict[str, np.ndarray]:
    """The losses that `tokens_to_ledger` wrote, [S, T − 1] each."""
    return {
        name: np.concatenate(
            [shard["nll"].numpy() for shard in Artifact.open(folder / "losses" / name)]
        )
        for name in proxies
    }


def mean_n_active(folder: Path) -> float:
    """Mean k over all tokens, from the codes that `tokens_to_ledger` wrote."""
    codes = Artifact.open(folder / "codes")
    atoms = sum(codes.shape(index, "atoms")[0] for index in range(len(codes)))
    return atoms / sum(codes.shape(index, "code_norm")[0] for index in range(len(codes)))
