"""What a stage is given: its unit of work, its settings, its paths, its writers."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from semdim import fields, reading
from semdim.artifacts.code import code_digest
from semdim.artifacts.hashing import settings_digest
from semdim.artifacts.shards import ShardWriter, write_json
from semdim.errors import ConfigError
from semdim.flat import flattened, in_words
from semdim.forward.dtype import resolved_dtype
from semdim.paths import Paths

Spec = TypeVar("Spec")
_ABSENT = object()
#: A point's results and settings, in its folder.
ROW = "row.json"

#: Settings that change speed, or where a run is told of, but no number: no stage depends on them.
NEUTRAL = (
    "engine.batch_sequences", "engine.device", "engine.gpus_per_worker", "engine.n_threads",
    "engine.n_workers", "engine.ray_address", "engine.workers", "tracking",
)  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """The part of the grid that one run of a stage works on."""

    model: str | None = None
    hook: str | None = None
    probe: str | None = None
    corpus: str | None = None
    questions: str | None = None
    out: str | None = None
    """Of a sweep: the file that its points are collected in."""
    swept: str | None = None
    """Of a point of a sweep: every value of every swept setting, as JSON."""


@dataclass(frozen=True)
class Run:
    """What a stage is given.

    Settings are read by their dotted names, written out where they are read (`setting`, `read`):
    so a test can hold that dvc.yaml lists just those among the params of the stage.
    """

    params: dict[str, Any]
    unit: Unit
    paths: Paths
    module: str
    """The stage's module, whose imports key what it writes."""
    point: Path | None = None
    """Where the results go when they are a point of a sweep and not the pipeline's."""

    def setting(self, name: str) -> Any:
        """A setting's value, as it stands in params.yaml.

        Raises:
            ConfigError: params.yaml has no such setting.
        """
        value: Any = self.params
        for part in name.split("."):
            value = value.get(part, _ABSENT) if isinstance(value, Mapping) else _ABSENT
            if value is _ABSENT:
                raise ConfigError(
                    f"The configuration lacks {name}; write params.yaml again with "
                    "`python -m stages.check_params --write`."
                )
        return value

    def read(self, name: str, cls: type[Spec], only: Iterable[str] | None = None) -> Spec:
        """A section of the settings, checked.

        Args:
            name: dotted name of the section.
            cls: its dataclass.
            only: the fields that the stage uses; the others keep their defaults.

        Raises:
            ConfigError: a value is unknown, of the wrong type or out of range.
        """
        section = self.setting(name)
        if only is not None:
            section = {key: section[key] for key in only if key in section}
        return fields.read(cls, section, name)

    def source(self, what: str, name: str) -> dict[str, Any]:
        """Where a corpus's text, a model or a probe's SAE comes from, as the settings say.

        What is there beside the settings, the record of check_params tells (`Paths.source`). A
        corpus's role is left out: it changes what its numbers are compared with, and no text.
        """
        entries: Mapping[str, Mapping[str, Any]] = self.setting(what)
        return {key: value for key, value in entries[name].items() if key != "role"}

    @property
    def compute_dtype(self) -> str:
        """float32 or bfloat16: what check_params found ``auto`` to be, or what is asked for."""
        asked = str(self.setting("engine.compute_dtype"))
        if asked == "auto" and self.paths.engine.exists():
            return str(read_json(self.paths.engine)["compute_dtype"])
        return resolved_dtype(asked, self.setting("engine.device"))

    @property
    def backend(self) -> str:
        """transformer_lens or transformers: what runs the forward passes."""
        return str(self.setting("engine.backend"))

    @property
    def probe(self) -> str:
        """The probe's name; refused when it is not in params.yaml."""
        return _chosen("probe", self.unit.probe, self.setting("probes"))

    @property
    def model(self) -> str:
        """The model's name: the unit's, or that of its probe."""
        name = self.unit.model
        if name is None and self.unit.probe is not None:
            name = str(self.setting("probes")[self.probe]["model"])
        return _chosen("model", name, self.setting("models"))

    @property
    def hook(self) -> str:
        """The hook point: the unit's, that of its probe, or that of the model's first probe."""
        if self.unit.hook is not None:
            return self.unit.hook
        probes = self.setting("probes")
        if self.unit.probe is not None:
            return str(probes[self.probe]["hook"])
        return next(str(p["hook"]) for p in probes.values() if p["model"] == self.model)

    @property
    def corpus(self) -> str:
        """The corpus's name; refused when it is not in params.yaml."""
        return _chosen("corpus", self.unit.corpus, self.setting("corpora"))

    @property
    def questions(self) -> str:
        """The name of the set of questions; refused when it is not in params.yaml."""
        return _chosen("questions", self.unit.questions, self.setting("questions"))

    def after(self, what: str) -> str:
        """The predecessor of the unit's probe or corpus in its chain (`semdim.axes`)."""
        name, chain = getattr(self.unit, what), self.setting("axes")[what]
        return next(str(entry["after"]) for entry in chain if entry[what] == name)

    @property
    def label(self) -> str:
        """The probe, and of a point of a sweep what it has of the swept settings."""
        own, swept = flattened(self.params), json.loads(self.unit.swept or "{}")
        values = [f"{name} = {in_words(own[name])}" for name in swept if name in own]
        return ", ".join([self.probe, *values])

    @property
    def results(self) -> Path:
        """Where the small results of the probe go."""
        return self.point or self.paths.results(self.probe)

    def key(
        self,
        final: Path,
        *,
        inputs: list[Path],
        params: Any,
        kinds: Mapping[str, Iterable[str]] | None = None,
    ) -> str:
        """Hash of everything that determines an artifact's content.

        Args:
            final: where the artifact will be.
            inputs: manifest or facts files of what it is computed from.
            params: the settings that it depends on.
            kinds: of a registry's package, the modules that it is made with (`code_digest`).
        """
        key = settings_digest(
            {
                "artifact": final.as_posix(),
                "inputs": {path.as_posix(): path.read_text(encoding="utf-8") for path in inputs},
                "params": params,
                "code": code_digest(self.module, kinds),
            }
        )
        return key[:32]

    def writer(self, final: Path, *, inputs: list[Path], params: Any, n_shards: int) -> ShardWriter:
        """The writer of an artifact under its `key`; shards of an earlier run are found again."""
        return self.resumed(final, self.key(final, inputs=inputs, params=params), n_shards)

    def resumed(self, final: Path, key: str, n_shards: int) -> ShardWriter:
        """The writer of an artifact, told what it takes over from an earlier run."""
        writer = ShardWriter(final, work=self.paths.partial, key=key, n_shards=n_shards)
        done = n_shards - len(writer.missing)
        for name in writer.damaged:
            say(f"{name} from an earlier run is damaged and is computed again")
        if done:
            say(f"resuming: {done} of {n_shards} shards exist from an earlier run")
        return writer

    def changed(self, **bound: Any) -> "Run":
        """The same run with other values in the section ``bound``."""
        return replace(self, params=self.params | {"bound": self.params["bound"] | bound})

    def record(self, results: Mapping[str, Any]) -> None:
        """Of a point of a sweep: its row in points.csv. Nothing in the pipeline."""
        if self.point is not None:
            row = {"results": {"probe": self.probe, **results}, "config": self.params}
            write_json(self.point / ROW, row)


def _chosen(what: str, name: str | None, names: Iterable[str]) -> str:
    if name is None:
        raise ConfigError(
            f"unit.{what} is not set: choose one of {', '.join(names)} with unit.{what}=NAME."
        )
    if name not in names:
        raise ConfigError(
            f"unit.{what} = {name!r} is not in params.yaml, which has {', '.join(names)}; choose "
            f"one of them or add it with {what}=[...]."
        )
    return name


def say(message: str) -> None:
    """One line for the person who watches."""
    print(message, flush=True)


def read_json(path: Path) -> dict[str, Any]:
    """A small JSON file."""
    return reading.read_json(path)
