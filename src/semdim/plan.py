"""What a run will compute and how large it will be: told before it starts."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semdim.cost import Cost, hook_cost, probe_cost
from semdim.extent import holds_sample
from semdim.forward.dtype import resolved_dtype
from semdim.paths import Paths
from semdim.reading import mapping, read_json, taken
from semdim.settings import Settings

#: What a token's norms take on disk when its activation is not stored: ‖h‖, ‖h − mean‖, a flag.
NORM_BYTES = 9


#: What is kept of a token's code that is not stored: k and three norms, or its deepest rank.
CODE_BYTES = {"compute_losses": 16, "further_losses": 4}

#: Stages whose outputs say how many tokens they are of; the others' are as old as the activations.
OF_TOKENS = ("cache_activations", "model_losses", "compute_losses", "further_losses")


@dataclass(frozen=True)
class Step:
    """One line of the plan."""

    stage: str
    model: str
    unit: str
    """What the stage is run on: one process, which several steps may share."""
    proxy: str
    """The proxy whose losses it computes; empty for other stages."""
    out: Path
    n_tokens: int
    gflop: float
    """GFLOP of matrix products, for all tokens."""
    bytes: int
    """Size of its output on disk."""
    is_there: bool


def steps(settings: Settings, paths: Paths) -> Iterator[Step]:
    """Every step that runs a model or an SAE on tokens, in the order of the pipeline.

    Probes that are not exported yet have no steps: their size is not known. Without
    ``engine.store_activations`` the prefix is run twice for the norms, and once more for each of:
    the model's losses, the scores (and several times to fit them), a probe's codes, a probe's
    losses. Without ``engine.store_codes`` codes are computed in the pass that computes losses, and
    once more for the order of atoms.

    Raises:
        ConfigError: the device that was asked for is not there.
    """
    at_model = set[str]()
    for (model, hook), probes in settings.hooks().items():
        cost = hook_cost(paths, model, hook)
        costs = {name: c for name in probes if (c := probe_cost(paths, model, hook, name))}
        if cost is None or not costs:
            continue
        for corpus in settings.grid.corpus:
            at = _At(settings, paths, model, hook, corpus)
            yield from at.of_hook(cost, with_losses=model not in at_model)
            for name, of_probe in costs.items():
                yield from at.of_probe(name, of_probe)
        at_model.add(model)


def not_exported(settings: Settings, paths: Paths) -> list[str]:
    """Names of the probes whose model or SAE is not exported yet, so that they have no steps."""
    return [
        name
        for (model, hook), probes in settings.hooks().items()
        for name in probes
        if probe_cost(paths, model, hook, name) is None
    ]


@dataclass(frozen=True)
class _At:
    """A corpus at a hook point of a model."""

    settings: Settings
    paths: Paths
    model: str
    hook: str
    corpus: str

    def of_hook(self, cost: Cost, *, with_losses: bool) -> Iterator[Step]:
        """The steps that all probes there share."""
        paths, model, hook, corpus = self.paths, self.model, self.hook, self.corpus
        unit, stored = f"{model} · {hook} · {corpus}", self._is_stored
        size = self._width * cost.d_model if stored else NORM_BYTES
        yield self._step("cache_activations", unit, self._activations, cost, size)
        if with_losses:
            out = paths.model_losses(model, corpus)
            size = 20 + (self._width * cost.d_model if stored else 0)  # the final stream is kept
            yield self._step("model_losses", f"{model} · {corpus}", out, cost, size)
        if not stored and corpus == self.settings.grid.sample:
            out = paths.activation_fit(model, hook)
            yield self._step("fit_activations", f"{model} · {hook}", out, cost, 0)
        if not stored:
            out = paths.scores(model, hook, corpus)
            yield self._step("score_activations", unit, out, cost, 12)

    def of_probe(self, probe: str, cost: Cost) -> Iterator[Step]:
        """The steps of one probe."""
        paths, grid, corpus = self.paths, self.settings.grid, self.corpus
        unit, bound = f"{probe} · {corpus}", self.settings.bound
        size = 8 * cost.mean_n_active + 20 if self._are_codes_stored else 0
        yield self._step("encode_codes", unit, paths.codes(probe, corpus), cost, size)
        yield from self._losses("compute_losses", paths.losses(probe, corpus), probe, cost)
        if corpus != grid.sample:
            return
        if bound.pool_order == "ablation":
            out, share = paths.atom_order(probe), bound.calibration_fraction
            yield self._step("order_atoms", probe, out, cost, 0, share=share)
        elif not self._are_codes_stored:
            step = self._step("order_atoms", probe, paths.atom_order(probe), cost, 0)
            again = cost.again(stored=self._is_stored, codes_stored=False)
            yield replace(step, gflop=step.n_tokens * again / 1e9)
        yield from self._losses("further_losses", paths.further_losses(probe, corpus), probe, cost)

    def _losses(self, stage: str, folder: Path, probe: str, cost: Cost) -> Iterator[Step]:
        """A step for each proxy; what they share (the prefix, where it runs again, and the model's
        logits) is with the first."""
        grid = self.settings.grid
        names = grid.proxy if stage == "compute_losses" else grid.further()
        unit, stored = f"{probe} · {self.corpus}", self._is_stored
        again = cost.again(stored=stored, codes_stored=self._are_codes_stored)
        again += cost.reference(stored=stored)
        of_codes = 0 if self._are_codes_stored else CODE_BYTES[stage]
        for name in names:
            if name == "model":
                continue
            limit = grid.n_tokens(name, self.settings.corpora[self.corpus].n_tokens)
            step = self._step(stage, unit, folder / name, cost, 12, proxy=name, limit=limit)
            n_bytes = step.bytes + self._n_tokens() * of_codes
            yield replace(step, gflop=step.gflop + self._n_tokens() * again / 1e9, bytes=n_bytes)
            again = of_codes = 0

    @property
    def _is_stored(self) -> bool:
        return self.settings.engine.store_activations

    @property
    def _are_codes_stored(self) -> bool:
        return self.settings.engine.store_codes

    @property
    def _dtype(self) -> str:
        engine = self.settings.engine
        return resolved_dtype(engine.compute_dtype, engine.device)

    @property
    def _width(self) -> int:
        return 2 if self._dtype == "bfloat16" else 4

    @property
    def _activations(self) -> Path:
        return self.paths.activations(self.model, self.hook, self.corpus)

    def _n_tokens(self, limit: int | None = None) -> int:
        """Those of the corpus, or ``limit``, rounded up to whole sequences."""
        n_tokens = self.settings.corpora[self.corpus].n_tokens if limit is None else limit
        context = self.settings.tokens.context
        return -(-n_tokens // context) * context

    def _step(
        self,
        stage: str,
        unit: str,
        out: Path,
        cost: Cost,
        bytes_per_token: float | int,
        *,
        proxy: str = "",
        limit: int | None = None,
        share: float = 1.0,
    ) -> Step:
        whole = self._n_tokens(limit)
        n_tokens = round(whole * share)
        flop = cost.flop(stage, stored=self._is_stored, codes_stored=self._are_codes_stored)
        size = int(n_tokens * bytes_per_token)
        return Step(
            stage, self.model, unit, proxy, out, n_tokens, n_tokens * flop / 1e9, size,
            self._holds(out, whole if stage in OF_TOKENS else None),
        )  # fmt: skip

    def _holds(self, out: Path, n_tokens: int | None) -> bool:
        """Whether an output is there, and it and its activations are of the sample of this run, and
        were computed as this run would."""
        if not (out if out.suffix == ".parquet" else out / "manifest.json").exists():
            return False
        context = self.settings.tokens.context
        if n_tokens is not None and not holds_sample(out, n_tokens, context):
            return False
        if not holds_sample(self._activations, self._n_tokens(), context):
            return False
        ours = {"compute_dtype": self._dtype, "backend": self.settings.engine.backend}
        facts = _facts(self._activations)
        return all(facts.get(name, value) == value for name, value in ours.items())


def _facts(activations: Path) -> dict[str, Any]:
    """What was published with activations; nothing where they are not there."""
    manifest = activations / "manifest.json"
    if not manifest.exists():
        return {}
    return taken(read_json(manifest), "facts", mapping, manifest)


def other_way(settings: Settings) -> Settings:
    """The same run with ``engine.store_activations`` the other way."""
    engine = replace(settings.engine, store_activations=not settings.engine.store_activations)
    return replace(settings, engine=engine)


def free_bytes(paths: Paths) -> int:
    """What is free on the disk that outputs/ is on, or will be."""
    folder = paths.outputs.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
