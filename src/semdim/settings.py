"""The typed view of params.yaml: every value is checked here, once, before anything is computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from semdim.answers.spec import AnswersSpec
from semdim.axes import axes
from semdim.bounds.family import needed_proxies
from semdim.bounds.needed import missing_losses
from semdim.bounds.spec import BoundSpec
from semdim.bounds.surface import SurfaceSpec
from semdim.consistency import check_consistent
from semdim.errors import ConfigError
from semdim.fields import SEED, SettingError, read, setting
from semdim.forward.hook_points import parse_hook
from semdim.forward.spec import EngineSpec
from semdim.limits import POINTS, POSITIONS, TOKENS, WINDOWS
from semdim.mistakes.spec import ErrorsSpec
from semdim.models.spec import ModelSource
from semdim.naming import check_names
from semdim.preflight import check_fits, known_shapes
from semdim.proxies.names import parse_proxy
from semdim.questions.spec import QuestionsSpec
from semdim.rules import show
from semdim.saes.spec import SAESource
from semdim.text.spec import CorpusSpec
from semdim.tracking import TrackingSpec
from semdim.uncertainty.rounding_spec import RoundingSpec
from semdim.uncertainty.spec import UncertaintySpec


@dataclass(frozen=True)
class TokensSpec:
    """The ``tokens`` group: how text becomes sequences."""

    context: int = setting(128, at_least=2, **POSITIONS)
    """Tokens in a sequence, BOS included: one to read, one to predict at least."""
    prepend_bos: bool = True
    """Every sequence starts with BOS. SAEs and models here expect it; position 0 is kept apart."""
    max_sequences_per_document: int | None = setting(4, at_least=1, **WINDOWS)
    """At most so many sequences of one document; null takes all, 1 makes sequences independent."""

    def __post_init__(self) -> None:
        if self.prepend_bos is not True:
            raise SettingError(
                "tokens",
                f"prepend_bos = {show(self.prepend_bos)} must be true: position 0 is BOS in every "
                "statistic of semdim, and text without BOS is a different distribution for the "
                "model.",
            )


@dataclass(frozen=True)
class GridSpec:
    """The ``grid`` group: what the pipeline's stages range over."""

    model: tuple[str, ...] = setting(not_empty=True, distinct=True)
    """The models, by their names in ``models``."""
    probe: tuple[str, ...] = setting(not_empty=True, distinct=True)
    """The probes, by their names in ``probes``; each reads one of the models."""
    corpus: tuple[str, ...] = setting(not_empty=True, distinct=True)
    """The corpora, by their names in ``corpora``; every probe is measured on each."""
    sample: str = setting(not_empty=True)
    """The in-distribution corpus: bounds are computed on it, and the sweep's proxies run on it."""
    proxy: tuple[str, ...] = setting(not_blank=True)
    """Proxies of every corpus."""
    sweep: tuple[str, ...] = setting(not_blank=True)
    """More proxies, of the sample only."""
    ablation: tuple[str, ...] = setting((), not_blank=True)
    """Proxies that no bound needs, of the sample's first ``ablation_tokens`` tokens only: they
    cost whole bits, which a part of the sample shows as well as all of it."""
    ablation_tokens: int | None = setting(None, at_least=1, **TOKENS)
    """Rounded up to whole sequences; None: all of the sample."""
    pool: tuple[str, ...] = setting((), not_blank=True)
    """Pool proxies, of the sample only: they need an order of the atoms."""
    questions: tuple[str, ...] = setting((), distinct=True)
    """Sets of questions that every probe's model answers; none: the stage does not exist."""
    kl_smoothing: float = setting(0.5, above=0.0, below=1.0)
    """α of the ledger's kl_<proxy>, one value for good: bounds at other α need no other losses."""

    def __post_init__(self) -> None:
        if self.sample not in self.corpus:
            raise SettingError(
                "grid",
                f"sample = {self.sample!r} must be one of the corpora ({', '.join(self.corpus)}): "
                "the bounds need an in-distribution sample.",
            )
        for key in ("proxy", "sweep", "ablation", "pool"):
            for name in getattr(self, key):
                _check_proxy(key, name)
        names = self.proxy + self.sweep + self.ablation + self.pool
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


def _check_proxy(key: str, name: str) -> None:
    """Refuse a proxy that does not exist, or not in this list of ``grid``."""
    try:
        proxy = parse_proxy(name)
    except ConfigError as error:
        raise SettingError("grid", f"{key}: {error}") from error
    if proxy.needs_order != (key == "pool"):
        raise SettingError(
            "grid",
            f"{key}: the proxy {name!r} is in the wrong list: pool_<P> belongs in grid.pool, "
            "every other proxy in grid.proxy, grid.sweep or grid.ablation.",
        )


@dataclass(frozen=True)
class ProbeSpec:
    """An entry of ``probes``: an SAE at a hook point of a model."""

    model: str = setting(not_empty=True)
    """The model that it reads, by its name in ``models``."""
    hook: str = setting(not_empty=True)
    """Where: what the SAE's own metadata say (`semdim.forward.hook_points`)."""
    sae: SAESource = setting()
    """Where the SAE comes from."""
    n_candidates: int = setting(1, at_least=1, **POINTS)
    """SAEs that were measured on the sample before this one was chosen, itself included: the
    certificates that are about the SAE share δ with them."""

    def __post_init__(self) -> None:
        parse_hook(self.hook)


@dataclass(frozen=True)
class Settings:
    """All of params.yaml but ``axes``, which follows from the rest."""

    models: dict[str, ModelSource] = setting(not_empty=True)
    probes: dict[str, ProbeSpec] = setting(not_empty=True)
    corpora: dict[str, CorpusSpec] = setting(not_empty=True)
    tokens: TokensSpec = setting(complete=True)
    grid: GridSpec = setting(complete=True)
    splice: Literal["no_bos", "all"] = setting()
    """no_bos: position 0 and every BOS keep their activation; all: the proxy replaces them too."""
    engine: EngineSpec = setting(complete=True)
    bound: BoundSpec = setting(complete=True)
    surface: SurfaceSpec = setting(complete=True)
    uncertainty: UncertaintySpec = setting(complete=True)
    rounding: RoundingSpec = setting(complete=True)
    errors: ErrorsSpec = setting(complete=True)
    questions: dict[str, QuestionsSpec] = setting()
    answers: AnswersSpec = setting(complete=True)
    tracking: TrackingSpec = setting(complete=True)
    seed: int = setting(**SEED)
    """Draws the order of documents, random tokens, and proxies that are random."""
    plugins: tuple[str, ...] = setting((), not_blank=True, distinct=True)
    """Modules that register proxies, corpus kinds, scores, bound families or figures."""

    def __post_init__(self) -> None:
        check_names(self)
        check_consistent(self)

    @property
    def surface_grid(self) -> BoundSpec:
        """The bounds over N and k that ``surface`` asks for."""
        return self.surface.grid(self.bound, self.grid.on_whole_sample())

    def check_all_computed(self) -> None:
        """Refuse bounds that need losses which this run does not compute.

        Raises:
            ConfigError: with the command that computes what is missing.
        """
        available = self.grid.on_whole_sample()
        self.check_computed(available, self.bound, "bound")
        self.check_computed(available, self.surface_grid, "surface")

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
    """Check a composed configuration; the sizes of models and SAEs count where they are known.

    Raises:
        ConfigError: a value is missing, unknown, of the wrong type, or out of range; the message
            names it.
    """
    values = {key: value for key, value in params.items() if key not in ("axes", "unit")}
    settings = read(Settings, values, "", complete=True)
    check_fits(settings, known_shapes(settings))
    settings.check_all_computed()
    if "axes" in params and params["axes"] != axes(
        params["probes"], params["grid"], params["corpora"]
    ):
        raise ConfigError(
            "axes must follow from probes, grid and corpora: it is derived, never edited; write "
            "params.yaml again with `python -m stages.check_params --write`."
        )
    return settings
