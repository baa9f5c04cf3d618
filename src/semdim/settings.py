"""The typed view of params.yaml: every value is checked here, once, before anything is computed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from semdim.axes import axes
from semdim.bounds.family import needed_proxies
from semdim.bounds.needed import missing_losses
from semdim.bounds.spec import BoundSpec
from semdim.bounds.surface import SurfaceSpec
from semdim.errors import ConfigError
from semdim.fields import LARGEST_SEED, SettingError, read, setting
from semdim.forward.hook_points import parse_hook
from semdim.forward.spec import EngineSpec
from semdim.models.spec import ModelSource
from semdim.proxies.names import parse_proxy
from semdim.saes.spec import SAESource
from semdim.text.spec import CorpusSpec
from semdim.tracking import TrackingSpec
from semdim.uncertainty.rounding_spec import RoundingSpec
from semdim.uncertainty.spec import UncertaintySpec

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
#: A chain of corpora or probes begins with a link of this name (`semdim.axes`).
_RESERVED = ("first",)


@dataclass(frozen=True)
class TokensSpec:
    """The ``tokens`` group: how text becomes sequences."""

    context: int = setting(128, at_least=2, at_most=2**20)
    """Tokens in a sequence, BOS included: one to read, one to predict at least."""
    prepend_bos: bool = True
    """Every sequence starts with BOS. SAEs and models here expect it; position 0 is kept apart."""
    max_sequences_per_document: int | None = setting(4, at_least=1)
    """At most so many sequences of one document; null takes all, 1 makes sequences independent."""

    def __post_init__(self) -> None:
        if self.prepend_bos is not True:
            raise SettingError(
                "tokens",
                "prepend_bos must be true: position 0 is BOS in every statistic of semdim, and "
                "text without it is another distribution to the model.",
            )


@dataclass(frozen=True)
class GridSpec:
    """The ``grid`` group: what the pipeline's stages range over."""

    model: tuple[str, ...] = setting(not_empty=True, distinct=True)
    probe: tuple[str, ...] = setting(not_empty=True, distinct=True)
    corpus: tuple[str, ...] = setting(not_empty=True, distinct=True)
    sample: str = setting()
    """The in-distribution corpus: bounds are computed on it, and the sweep's proxies run on it."""
    proxy: tuple[str, ...] = setting()
    """Proxies of every corpus."""
    sweep: tuple[str, ...] = setting()
    """More proxies, of the sample only."""
    ablation: tuple[str, ...] = ()
    """Proxies that no bound needs, of the sample's first ``ablation_tokens`` tokens only: they
    cost whole bits, which a part of the sample shows as well as all of it."""
    ablation_tokens: int | None = setting(None, at_least=1)
    """Rounded up to whole sequences; None: all of the sample."""
    pool: tuple[str, ...] = ()
    """Pool proxies, of the sample only: they need an order of the atoms."""

    def __post_init__(self) -> None:
        if self.sample not in self.corpus:
            raise SettingError(
                "grid",
                f"sample = {self.sample!r} must be one of the corpora ({', '.join(self.corpus)}): "
                "the bounds need an in-distribution sample.",
            )
        names = self.proxy + self.sweep + self.ablation + self.pool
        for name in names:
            if parse_proxy(name).needs_order != (name in self.pool):
                raise ConfigError(
                    f"The proxy {name!r} stands in the wrong list: pool_<P> belongs in grid.pool, "
                    "every other proxy in grid.proxy, grid.sweep or grid.ablation."
                )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(
                f"The proxies {', '.join(twice)} are listed twice in grid.proxy, grid.sweep, "
                "grid.ablation and grid.pool."
            )
        for name in ("model", "sae"):
            if name not in self.proxy:
                raise SettingError(
                    "grid",
                    f"proxy lacks {name!r}: the ledger needs the losses of model and sae.",
                )

    def on_whole_sample(self) -> tuple[str, ...]:
        """The proxies whose losses bounds can use: those of every sequence of the sample."""
        return self.proxy + self.sweep + self.pool

    def further(self) -> tuple[str, ...]:
        """The proxies of the sample alone."""
        return self.sweep + self.ablation + self.pool

    def n_tokens(self, proxy: str, n_tokens: int) -> int:
        """How many of a corpus's ``n_tokens`` a proxy is run on."""
        limit = self.ablation_tokens if proxy in self.ablation else None
        return n_tokens if limit is None else min(limit, n_tokens)


@dataclass(frozen=True)
class ProbeSpec:
    """An entry of ``probes``: an SAE at a hook point of a model."""

    model: str
    """The model that it reads, by its name in ``models``."""
    hook: str
    """Where: what the SAE's own metadata say (`semdim.forward.hook_points`)."""
    sae: SAESource
    """Where the SAE comes from."""
    n_candidates: int = setting(1, at_least=1, at_most=1_000_000)
    """SAEs that were measured on the sample before this one was chosen, itself included: the
    certificates that are about the SAE share δ with them."""

    def __post_init__(self) -> None:
        parse_hook(self.hook)


@dataclass(frozen=True)
class Settings:
    """All of params.yaml but ``axes``, which follows from the rest."""

    models: dict[str, ModelSource]
    probes: dict[str, ProbeSpec]
    corpora: dict[str, CorpusSpec]
    tokens: TokensSpec
    grid: GridSpec
    splice: Literal["no_bos", "all"]
    engine: EngineSpec
    bound: BoundSpec
    surface: SurfaceSpec
    uncertainty: UncertaintySpec
    rounding: RoundingSpec
    tracking: TrackingSpec
    seed: int = setting(at_least=0, at_most=LARGEST_SEED)
    plugins: tuple[str, ...] = ()
    """Modules that register proxies, corpus kinds, scores, bound families or figures."""

    def __post_init__(self) -> None:
        _check_names(self)
        limit, n_tokens = self.grid.ablation_tokens, self.corpora[self.grid.sample].n_tokens
        if self.grid.ablation and limit is not None and limit > n_tokens:
            raise ConfigError(
                f"grid.ablation_tokens = {limit} must be at most the {n_tokens} tokens of the "
                f"corpus {self.grid.sample!r}, or null for all of them."
            )
        if self.bound.n_tokens[-1] > n_tokens + self.tokens.context:
            raise ConfigError(
                f"bound.n_tokens asks for {self.bound.n_tokens[-1]:,} tokens, but the corpus "
                f"{self.grid.sample!r} is cut at corpora.{self.grid.sample}.n_tokens = "
                f"{n_tokens:,}: raise that, or leave out the larger sizes."
            )
        available = self.grid.on_whole_sample()
        self.check_computed(available, self.bound, "bound")
        self.check_computed(available, self.surface_grid, "surface")

    @property
    def surface_grid(self) -> BoundSpec:
        """The bounds over N and k that ``surface`` asks for."""
        return self.surface.grid(self.bound, self.grid.on_whole_sample())

    def check_computed(self, proxies: tuple[str, ...], spec: BoundSpec, section: str) -> None:
        """Refuse bounds that need the losses of a proxy which is not among ``proxies``.

        Raises:
            ConfigError: with the command that computes what is missing.
        """
        missing = [name for name in needed_proxies(spec) if name not in proxies]
        if missing:
            lists = {"sweep": self.grid.sweep, "pool": self.grid.pool}
            raise ConfigError(missing_losses(missing, lists, section))

    def hooks(self) -> dict[tuple[str, str], list[str]]:
        """The probes at each hook point of each model."""
        found: dict[tuple[str, str], list[str]] = {}
        for name in self.grid.probe:
            probe = self.probes[name]
            found.setdefault((probe.model, probe.hook), []).append(name)
        return found


def read_settings(params: Mapping[str, Any]) -> Settings:
    """Check a composed configuration.

    Raises:
        ConfigError: a value is missing, unknown, of the wrong type, or out of range; the message
            names it.
    """
    values = {key: value for key, value in params.items() if key not in ("axes", "unit")}
    settings = read(Settings, values, "")
    if "axes" in params and params["axes"] != axes(
        params["probes"], params["grid"], params["corpora"]
    ):
        raise ConfigError(
            "axes must be what follows from probes, grid and corpora: it is worked out, never "
            "edited; write params.yaml again with `python -m stages.check_params --write`."
        )
    return settings


def _check_names(settings: Settings) -> None:
    """Names become folders and names of stages; those of the grid have to be defined."""
    for what in ("models", "probes", "corpora"):
        entries = getattr(settings, what)
        if not entries:
            raise ConfigError(f"{what} is empty: choose at least one.")
        for name in entries:
            if not _NAME.match(name) or name in _RESERVED:
                raise ConfigError(
                    f"The name {name!r} in {what} must be letters, digits, - and _ only, and not "
                    f"{' or '.join(_RESERVED)}: it becomes a folder and the name of a stage."
                )
    grid = settings.grid
    for key, names, entries in (
        ("model", grid.model, settings.models),
        ("probe", grid.probe, settings.probes),
        ("corpus", grid.corpus, settings.corpora),
    ):
        for name in names:
            if name not in entries:
                raise ConfigError(
                    f"grid.{key} names {name!r}, which is not configured: choose among "
                    f"{', '.join(entries)}, or add a file to conf/{key}."
                )
    for name, probe in settings.probes.items():
        if probe.model not in settings.models:
            raise ConfigError(
                f"probes.{name}.model = {probe.model!r} is not among the models "
                f"({', '.join(settings.models)}): let its file in conf/probe load /source/"
                f"{probe.model}."
            )
