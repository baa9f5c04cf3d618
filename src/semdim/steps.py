"""The steps from token ids to the ledger, one by one, with the shards wherever they are to lie."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int, Int32
from torch import Tensor

from semdim.activations.cache import cache_activations
from semdim.activations.norms import cache_norms
from semdim.activations.source import RecomputedActivations
from semdim.artifacts.protocols import ShardPlace, ShardSink, ShardSource
from semdim.codes.encode import Encoder, Encoding, encode_codes
from semdim.forward.split import SplitModel
from semdim.ledger.collect import CorpusFacts, LedgerPart, base_parts, further_parts, joined
from semdim.ledger.facts import CodesFacts
from semdim.proxies.losses import LossColumn, ModelItself, compute_losses
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.saes.load import Decoder
from semdim.tokens.sample import shard_ranges


def nothing(_: int) -> None:
    """What is told of the progress where nobody watches."""


@dataclass(frozen=True)
class Steps:
    """One sample on its way through a model and an SAE; call the steps in the order below.

    They are the functions that the pipeline's stages call, with the same results to the bit.
    """

    split: SplitModel
    """The model, cut at the SAE's hook point."""
    sae: Encoder
    """Encodes raw activations."""
    decoder: Decoder
    """Its decoder, rows of unit norm, on the model's device."""
    token_ids: Int[Tensor, "sequences context"]
    """The sample, special positions first."""
    place: ShardPlace
    """Where the shards lie: ``activations``, ``codes`` and ``losses/<proxy>``."""
    bos_token_id: int
    """The id that is special wherever it stands."""
    splice: str = "no_bos"
    """Of proxies whose name does not fix it."""
    seed: int = 0
    """Of proxies that draw at random."""
    atom_order: Int[Tensor, " dict_size"] | None = None
    """Atoms, first the one that enters a pool first."""
    smoothing: float = 0.5
    """α of the predictions whose divergence from the model's is taken."""
    batch_sequences: int = 16
    """Sequences in one forward pass."""
    shard_sequences: int = 64
    """Sequences in one shard."""
    is_stored: bool = True
    """Activations are kept; False keeps their norms alone and computes them again in each step."""
    update: Callable[[int], object] = nothing
    """Called with the number of tokens that were worked on."""

    @property
    def n_shards(self) -> int:
        """Shards of every artifact that covers the sample."""
        return len(shard_ranges(len(self.token_ids), self.shard_sequences))

    def activations(self) -> ShardSource:
        """The activations at the hook point, stored or computed whenever they are read."""
        return self.place.source("activations") if self.is_stored else self._recomputed()

    def cache_activations(self) -> None:
        """Run the prefix: activations at the hook point, or their norms."""
        shards = self.place.sink("activations", self.n_shards)
        if self.is_stored:
            cache_activations(
                self.split,
                self.token_ids,
                shards,
                shard_sequences=self.shard_sequences,
                batch_sequences=self.batch_sequences,
                update=self.update,
            )
        else:
            cache_norms(self._recomputed(), shards, update=self.update)
        shards.publish({"stored": self.is_stored})

    def encode_codes(self) -> None:
        """Activations to sparse codes."""
        shards = self.place.sink("codes", self.n_shards)
        encoding = Encoding(
            self.sae,
            self.decoder.weight,
            self.decoder.bias,
            batch_rows=self.batch_sequences * self.token_ids.shape[1],
            device=str(self.split.device),
        )
        encode_codes(encoding, self.activations(), shards, update=self.update)
        shards.publish({"dict_size": len(self.decoder.weight)})

    def compute_losses(
        self, proxies: Sequence[str], *, n_sequences: dict[str, int] | None = None
    ) -> None:
        """Run the suffix for each proxy; together they share the reading of activations, and with
        the proxy ``model`` among them its logits, with which the others are compared.

        Args:
            proxies: by name.
            n_sequences: of a proxy that is run on the first so many sequences alone.
        """
        limits = {name: (n_sequences or {}).get(name) for name in proxies}
        sinks = [self._losses(name, limit) for name, limit in limits.items()]
        columns = [
            LossColumn(self._reconstructor(name), sink, limit)
            for (name, limit), sink in zip(limits.items(), sinks, strict=True)
        ]
        compute_losses(
            self.split,
            columns,
            self.token_ids,
            self.activations(),
            self.place.source("codes"),
            bos_token_id=self.bos_token_id,
            batch_sequences=self.batch_sequences,
            model=ModelItself(self.smoothing),
            update=self.update,
        )
        for column, sink in zip(columns, sinks, strict=True):
            sink.publish({"splice": column.reconstruct.proxy.splice})

    def parts(self, proxies: Sequence[str]) -> Iterator[LedgerPart]:
        """The ledger's columns, shard by shard; with an order of the atoms, ``deepest_rank``."""
        codes = self.place.source("codes")
        base = base_parts(
            self.token_ids,
            self.place.source("activations"),
            codes,
            {name: self.place.source(f"losses/{name}") for name in proxies},
            bos_token_id=self.bos_token_id,
        )
        if self.atom_order is None:
            return base
        return joined(base, further_parts(self.token_ids, codes, {}, self.atom_order))

    def collect(
        self,
        proxies: Sequence[str],
        document: Int32[np.ndarray, " sequences"],
        append: Callable[[pa.Table], object],
    ) -> CodesFacts:
        """Hand the ledger's rows to ``append``, part by part; returns the facts of its codes."""
        codes = CorpusFacts()
        for part in self.parts(proxies):
            codes.add(part.per_token, part.atoms)
            append(part.table(document))
        return codes.total()

    def _reconstructor(self, name: str) -> Reconstructor:
        return Reconstructor(
            parse_proxy(name, self.splice),
            self.decoder.weight,
            self.decoder.bias,
            seed=self.seed,
            atom_order=self.atom_order,
            activations=self.activations(),
        )

    def _losses(self, name: str, n_sequences: int | None) -> ShardSink:
        n = len(self.token_ids) if n_sequences is None else n_sequences
        return self.place.sink(f"losses/{name}", len(shard_ranges(n, self.shard_sequences)))

    def _recomputed(self) -> RecomputedActivations:
        return RecomputedActivations(
            self.split,
            self.token_ids,
            shard_sequences=self.shard_sequences,
            batch_sequences=self.batch_sequences,
            folder=Path("activations"),
        )
