"""One hook point of a model on one sample: what all autoencoders that read there share."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import torch

from semdim.artifacts.memory import MemoryPlace
from semdim.forward.backend import Backend
from semdim.forward.split import SplitModel
from semdim.ledger.facts import LedgerFacts
from semdim.ledger.memory import Ledger
from semdim.models.facts import ModelFacts
from semdim.proxies.losses import LossColumn, compute_losses
from semdim.proxies.model_losses import model_losses
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.rank.ledgers import measured_of
from semdim.rank.measured import Measured
from semdim.saes.memory import Probe
from semdim.steps import Steps
from semdim.text.samples import TokenSample
from semdim.tokens.sample import sample_facts

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("model", "sae")


@dataclass(frozen=True)
class Setting:
    """What is the same for every autoencoder of a ranking."""

    sample: TokenSample
    """The tokens."""
    model: ModelFacts
    """Facts of the model."""
    bos_token_id: int
    """The id that is special wherever it stands."""
    corpus: str
    """Name of the text."""
    smoothing: float
    """α."""
    batch_sequences: int = 16
    """Sequences in one forward pass."""
    shard_sequences: int = 64
    """Sequences that are worked on together."""
    splice: str = "no_bos"
    """``no_bos`` lets special positions through."""


class HookPoint:
    """A model cut at a hook point, with its activations there and its own losses.

    Args:
        backend: what runs the model, its weights processed as the autoencoders want them.
        hook_name: where it is cut.
        setting: the sample, and how it is measured.
        update: called with the number of tokens that were worked on.
    """

    def __init__(
        self,
        backend: Backend,
        hook_name: str,
        setting: Setting,
        update: "Callable[[int], object]",
    ) -> None:
        self.hook_name, self.setting, self.update = hook_name, setting, update
        self._backend, self._place = backend, MemoryPlace()
        self._split = SplitModel(backend, hook_name)
        self._ids = torch.from_numpy(setting.sample.token_ids)
        self.seconds = self._prepare()
        """Of ``prefix`` and ``model losses``."""

    def _prepare(self) -> dict[str, float]:
        from semdim.activations.cache import cache_activations
        from semdim.tokens.sample import shard_ranges

        setting = self.setting
        self._n_shards = len(shard_ranges(len(self._ids), setting.shard_sequences))
        start = time.perf_counter()
        writer = self._place.sink("activations", self._n_shards)
        cache_activations(
            self._split,
            self._ids,
            writer,
            shard_sequences=setting.shard_sequences,
            batch_sequences=setting.batch_sequences,
            update=self.update,
        )
        writer.publish({"stored": True})
        middle = time.perf_counter()
        model_losses(
            self._split,
            self._ids,
            self._place.source("activations"),
            self._place.sink("losses/model", self._n_shards),
            batch_sequences=setting.batch_sequences,
            update=self.update,
        )
        return {"prefix": middle - start, "model losses": time.perf_counter() - middle}

    def measure(self, probe: Probe, name: str, key: str) -> Measured:
        """An autoencoder's value for each document."""
        ledger, seconds = self.ledger(probe)
        trained_as = probe.sae.cfg.metadata.to_dict().get("training_architecture")
        return measured_of(
            ledger.rows,
            ledger.facts,
            name,
            smoothing=self.setting.smoothing,
            key=key,
            training_architecture=None if trained_as is None else str(trained_as),
            seconds=(seconds["encode"], seconds["losses"]),
        )

    def ledger(self, probe: Probe) -> tuple[Ledger, dict[str, float]]:
        """Its ledger without what compares predictions, and the seconds of encoding and losses."""
        setting = self.setting
        steps = Steps(
            split=self._split,
            sae=probe.sae,
            decoder=probe.decoder,
            token_ids=self._ids,
            place=self._place,
            bos_token_id=setting.bos_token_id,
            splice=setting.splice,
            batch_sequences=setting.batch_sequences,
            shard_sequences=setting.shard_sequences,
            update=self.update,
        )
        start = time.perf_counter()
        steps.encode_codes()
        middle = time.perf_counter()
        proxy = parse_proxy("sae", setting.splice)
        reconstruct = Reconstructor(proxy, probe.decoder.weight, probe.decoder.bias, seed=0)
        compute_losses(
            self._split,
            [LossColumn(reconstruct, self._place.sink("losses/sae", self._n_shards))],
            self._ids,
            self._place.source("activations"),
            self._place.source("codes"),
            bos_token_id=setting.bos_token_id,
            batch_sequences=setting.batch_sequences,
            model=None,  # a ranking has no use for a comparison with the model's predictions
            update=self.update,
        )
        seconds = {"encode": middle - start, "losses": time.perf_counter() - middle}
        tables: list[pa.Table] = []
        codes = steps.collect(NAMES, setting.sample.document, tables.append)
        sample = setting.sample
        facts = LedgerFacts.of(
            setting.model,
            probe.facts,
            sample_facts(sample),
            corpus=setting.corpus,
            context=sample.context,
            splice=setting.splice,
            compute_dtype=str(next(self._backend.model.parameters()).dtype).removeprefix("torch."),
            seed=0,
            proxies={"model": "", "sae": proxy.splice},
            codes=codes,
            backend=self._backend.name,
        )
        return Ledger(pa.concat_tables(tables), facts), seconds
