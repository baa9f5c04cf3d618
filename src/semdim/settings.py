"""The typed view of params.yaml: every value is checked here, once, before anything is computed."""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from semdim.bounds.assemble import needed_proxies
from semdim.bounds.spec import BoundSpec
from semdim.bounds.surface import SurfaceSpec
from semdim.errors import ConfigError
from semdim.forward.spec import EngineSpec
from semdim.models.spec import ModelSource
from semdim.proxies.names import SPLICES, parse_proxy
from semdim.saes.spec import SAESource
from semdim.text.spec import CorpusSpec
from semdim.tracking import TrackingSpec
from semdim.uncertainty.spec import UncertaintySpec

Spec = TypeVar("Spec")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]*$")


@dataclass(frozen=True)
class TokensSpec:
    """The ``tokens`` group: how text becomes sequences."""

    context: int = 128
    """Tokens in a sequence, BOS included."""
    prepend_bos: bool = True
    """Every sequence starts with BOS. SAEs and models here expect it; position 0 is kept apart."""
    max_sequences_per_document: int | None = 4
    """At most so many sequences of one document; null takes all, 1 makes sequences independent."""

    def __post_init__(self) -> None:
        if not _is_count(self.context) or self.context < 2:
            raise ConfigError(
                f"tokens.context = {self.context!r} must be a whole number of 2 or more: one token "
                "to read, one to predict."
            )
        if self.prepend_bos is not True:
            raise ConfigError(
                "tokens.prepend_bos must be true: position 0 is BOS in every statistic of semdim, "
                "and text without it is another distribution to the model."
            )
        limit = self.max_sequences_per_document
        if limit is not None and (not _is_count(limit) or limit < 1):
            raise ConfigError(
                f"tokens.max_sequences_per_document = {limit!r} must be a whole number of 1 or "
                "more, or null for no limit."
            )


@dataclass(frozen=True)
class GridSpec:
    """The ``grid`` group: what the pipeline's stages range over."""

    model: tuple[str, ...]
    corpus: tuple[str, ...]
    sample: str
    """The in-distribution corpus: bounds are computed on it, and the sweep's proxies run on it."""
    proxy: tuple[str, ...]
    """Proxies of every corpus."""
    sweep: tuple[str, ...]
    """More proxies, of the sample only."""
    ablation: tuple[str, ...] = ()
    """Proxies that no bound needs, of the sample's first ``ablation_tokens`` tokens only: they
    cost whole bits, which a part of the sample shows as well as all of it."""
    ablation_tokens: int | None = None
    """Rounded up to whole sequences; None: all of the sample."""
    pool: tuple[str, ...] = ()
    """Pool proxies, of the sample only: they need an order of the atoms."""

    def __post_init__(self) -> None:
        if self.sample not in self.corpus:
            raise ConfigError(
                f"grid.sample = {self.sample!r} is not one of the corpora "
                f"({', '.join(self.corpus)}): the bounds need an in-distribution sample."
            )
        names = self.proxy + self.sweep + self.ablation + self.pool
        for name in names:
            is_pool = parse_proxy(name).kind == "pool"
            if is_pool != (name in self.pool):
                raise ConfigError(
                    f"The proxy {name!r} stands in the wrong list: pool_<P> belongs into "
                    "grid.pool, every other proxy into grid.proxy, grid.sweep or grid.ablation."
                )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(
                f"The proxies {', '.join(twice)} are listed twice in grid.proxy, grid.sweep, "
                "grid.ablation and grid.pool."
            )
        for name in ("model", "sae"):
            if name not in self.proxy:
                raise ConfigError(
                    f"grid.proxy lacks {name!r}: the ledger needs the losses of model and sae."
                )
        limit = self.ablation_tokens
        if limit is not None and (not _is_count(limit) or limit < 1):
            raise ConfigError(
                f"grid.ablation_tokens = {limit!r} must be a whole number of 1 or more, or null "
                "for all of the sample."
            )

    def proxies(self, corpus: str) -> tuple[str, ...]:
        """The proxies whose losses one corpus has, be it in part."""
        further = self.sweep + self.ablation + self.pool
        return self.proxy + (further if corpus == self.sample else ())

    def on_whole_sample(self) -> tuple[str, ...]:
        """The proxies whose losses bounds can use: those of every sequence of the sample."""
        return self.proxy + self.sweep + self.pool

    def n_tokens(self, proxy: str, n_tokens: int) -> int:
        """How many of a corpus's ``n_tokens`` a proxy is run on."""
        limit = self.ablation_tokens if proxy in self.ablation else None
        return n_tokens if limit is None else min(limit, n_tokens)


@dataclass(frozen=True)
class ModelSettings:
    """A model and the SAE that reads it."""

    source: ModelSource
    sae: SAESource


@dataclass(frozen=True)
class Settings:
    """All of params.yaml."""

    models: dict[str, ModelSettings]
    corpora: dict[str, CorpusSpec]
    tokens: TokensSpec
    grid: GridSpec
    splice: str
    engine: EngineSpec
    bound: BoundSpec
    surface: SurfaceSpec
    uncertainty: UncertaintySpec
    tracking: TrackingSpec
    seed: int

    def __post_init__(self) -> None:
        if self.splice not in SPLICES:
            raise ConfigError(
                f"splice = {self.splice!r} is unknown: choose one of {', '.join(SPLICES)}."
            )
        limit, n_tokens = self.grid.ablation_tokens, self.corpora[self.grid.sample].n_tokens
        if self.grid.ablation and limit is not None and limit > n_tokens:
            raise ConfigError(
                f"grid.ablation_tokens = {limit} is more than the {n_tokens} tokens of the corpus "
                f"{self.grid.sample!r}: ask for at most those, or null for all."
            )
        available = self.grid.on_whole_sample()
        self.check_computed(available, self.bound, "bound")
        self.check_computed(available, self.surface_grid, "surface")
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise ConfigError(f"seed = {self.seed!r} must be a whole number of 0 or more.")

    @property
    def surface_grid(self) -> BoundSpec:
        """The bounds over N and k that ``surface`` asks for."""
        return self.surface.grid(self.bound, self.grid.on_whole_sample())

    def check_computed(self, proxies: Iterable[str], spec: BoundSpec, section: str) -> None:
        """Refuse bounds that need the losses of a proxy which is not among ``proxies``.

        Raises:
            ConfigError: with the command that computes what is missing.
        """
        there = set(proxies)
        missing = [name for name in needed_proxies(spec) if name not in there]
        if missing:
            pools = [name for name in missing if parse_proxy(name).kind == "pool"]
            lists = {
                "sweep": [name for name in missing if name not in pools],
                "pool": pools,
            }
            overrides = " ".join(
                f"-S 'grid.{key}=[{','.join(dict.fromkeys((*getattr(self.grid, key), *names)))}]'"
                for key, names in lists.items()
                if names
            )
            raise ConfigError(
                f"The bounds of the configuration need the losses of {', '.join(missing)}, which "
                f"are not computed: compute them, and no others, with `dvc exp run {overrides}`, "
                f"or take them out of {section}."
            )

    def model(self, name: str | None) -> ModelSettings:
        """The settings of one model.

        Raises:
            ConfigError: it is not in the configuration.
        """
        return _choose("model", name, self.models)

    def corpus(self, name: str | None) -> CorpusSpec:
        """The settings of one corpus.

        Raises:
            ConfigError: it is not in the configuration.
        """
        return _choose("corpus", name, self.corpora)


def read_settings(params: Mapping[str, Any]) -> Settings:
    """Check a composed configuration.

    Raises:
        ConfigError: a value is missing, unknown, of the wrong type, or out of range; the message
            names it.
    """
    known = {field.name for field in dataclasses.fields(Settings)} | {"unit"}
    _refuse_unknown("the configuration", set(params), known)
    missing = sorted(known - {"unit"} - set(params))
    if missing:
        raise ConfigError(
            f"The configuration lacks {', '.join(missing)}; write params.yaml again with "
            "`python -m stages.check_params --write`."
        )
    models = {}
    for name, entry in _named(params["models"], "models").items():
        _refuse_unknown(f"models.{name}", set(entry), {"source", "sae"})
        models[name] = ModelSettings(
            ModelSource.from_mapping(entry["source"]), SAESource.from_mapping(entry["sae"])
        )
    grid = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in params["grid"].items()
    }
    return Settings(
        models=models,
        corpora={
            name: CorpusSpec.from_mapping(entry, f"corpora.{name}")
            for name, entry in _named(params["corpora"], "corpora").items()
        },
        tokens=from_mapping(TokensSpec, params["tokens"], "tokens"),
        grid=from_mapping(GridSpec, grid, "grid"),
        splice=params["splice"],
        engine=from_mapping(EngineSpec, params["engine"], "engine"),
        bound=BoundSpec.from_mapping(params["bound"]),
        surface=SurfaceSpec.from_mapping(params["surface"]),
        uncertainty=UncertaintySpec.from_mapping(params["uncertainty"]),
        tracking=from_mapping(TrackingSpec, params["tracking"], "tracking"),
        seed=params["seed"],
    )


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted name; a list is one value, as JSON."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{name}.")
        else:
            flat[name] = json.dumps(value) if isinstance(value, list | tuple) else value
    return flat


def from_mapping(cls: type[Spec], mapping: Mapping[str, Any], where: str) -> Spec:
    """Build a settings dataclass, refusing keys that it does not have.

    Raises:
        ConfigError: a key is unknown or missing.
    """
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    _refuse_unknown(where, set(mapping), {field.name for field in fields})
    needed = [field.name for field in fields if field.default is dataclasses.MISSING]
    absent = [name for name in needed if name not in mapping]
    if absent:
        raise ConfigError(f"{where} lacks {', '.join(absent)}.")
    return cls(**mapping)


def _refuse_unknown(where: str, given: set[str], known: set[str]) -> None:
    unknown = sorted(given - known)
    if unknown:
        raise ConfigError(
            f"{where} has no setting {', '.join(unknown)}; it has {', '.join(sorted(known))}."
        )


def _named(entries: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    if not entries:
        raise ConfigError(f"{what} is empty: choose at least one.")
    for name in entries:
        if not _NAME.match(name):
            raise ConfigError(
                f"The name {name!r} in {what} must be letters, digits, - and _ only: it becomes a "
                "folder and the name of a stage."
            )
    return entries


def _choose(what: str, name: str | None, entries: Mapping[str, Spec]) -> Spec:
    if name is None:
        raise ConfigError(
            f"unit.{what} is not set: say which of {', '.join(entries)}, as unit.{what}=NAME."
        )
    if name not in entries:
        raise ConfigError(
            f"unit.{what} = {name!r} is not in params.yaml, which has {', '.join(entries)}; choose "
            f"one of them or add it with {what}=[...]."
        )
    return entries[name]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
