"""One side of a comparison: its models' results, and the settings that they belong to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from semdim.compare.revisions import Source, is_model, located
from semdim.errors import ArtifactError, ConfigError
from semdim.flat import flattened
from semdim.results.read import ProbeResults, probes_folder, read_probe, read_results

RECORDED = "params.yaml"
FACTS = ("model", "sae", "packages", "python")
"""Of setup.json: what was measured, whatever was asked for."""
ASKED = ("sample", "splice", "context", "seed", "engine")
"""Of setup.json: settings, for results without params.yaml."""
OF_CORPUS = ("role", "n_tokens", "n_sequences", "n_documents", "versions")
OF_BOUNDS = ("failure_prob", "smoothing", "unit")


@dataclass(frozen=True)
class Settings:
    """What a model's results belong to."""

    asked: dict[str, Any] | None
    """The settings by dotted name; None when no params.yaml goes with the results."""
    found: dict[str, Any]
    """What setup.json and bounds.csv tell of them."""


@dataclass(frozen=True)
class Side:
    """A or B."""

    name: str
    """As it was asked for."""
    what: str
    """A folder, a revision or an experiment: in words."""
    models: dict[str, ProbeResults]
    settings: dict[str, Settings]
    """By model, as ``models``."""


@dataclass(frozen=True)
class Pair:
    """One model's results on both sides."""

    name: str
    """The model's name, or both where they differ."""
    a: ProbeResults
    b: ProbeResults
    settings_a: Settings
    settings_b: Settings


@dataclass(frozen=True)
class Pairs:
    """What can be compared, and what cannot."""

    both: list[Pair]
    only_a: list[str] = field(default_factory=list)
    """Models without a counterpart."""
    only_b: list[str] = field(default_factory=list)


def read_side(name: str) -> Side:
    """Read one side.

    name: see `semdim.compare.revisions.located`.

    Raises:
        ConfigError: nothing has this name.
        ArtifactError: it has no results, or damaged ones.
    """
    with located(name) as source:
        folder = source.folder
        models = [read_probe(folder)] if is_model(folder) else read_results(folder)
        parent = probes_folder(folder)
        settings = {
            model.name: _settings(
                folder if is_model(folder) else parent / model.name, model, source
            )
            for model in models
        }
        return Side(name, source.what, {model.name: model for model in models}, settings)


def paired(a: Side, b: Side) -> Pairs:
    """Pair models by name; two sides with one model each are compared whatever the names.

    Raises:
        ConfigError: the sides have no model in common.
    """
    if len(a.models) == len(b.models) == 1:
        (left,), (right,) = a.models, b.models
        name = left if left == right else f"{left} → {right}"
        return Pairs([_pair(name, a, left, b, right)])
    both = [name for name in a.models if name in b.models]
    if not both:
        raise ConfigError(
            f"{a.name} ({', '.join(a.models)}) and {b.name} ({', '.join(b.models)}) have no model "
            "in common; name the folder of one model on each side, as results/probes/NAME."
        )
    return Pairs(
        [_pair(name, a, name, b, name) for name in both],
        [name for name in a.models if name not in both],
        [name for name in b.models if name not in both],
    )


def _pair(name: str, a: Side, left: str, b: Side, right: str) -> Pair:
    return Pair(name, a.models[left], b.models[right], a.settings[left], b.settings[right])


def _settings(folder: Path, model: ProbeResults, source: Source) -> Settings:
    return Settings(_asked(folder, model.name, source), _found(model))


def _asked(folder: Path, probe: str, source: Source) -> dict[str, Any] | None:
    """From params.yaml in the probe's folder, a point's row of a sweep, or the revision's own."""
    row = folder / "row.json"
    if (folder / RECORDED).is_file():
        params = _yaml(folder / RECORDED)
    elif row.is_file():
        params = json.loads(row.read_text(encoding="utf-8"))["config"]
    elif source.params is not None:
        params = _yaml(source.params)
    else:
        return None
    probes, models = params.pop("probes", {}), params.pop("models", {})
    for name in ("axes", "plugins", "tracking"):
        params.pop(name, None)
    if probe not in probes and len(probes) != 1:
        return None
    own = dict(probes.get(probe) or next(iter(probes.values())))
    model = models.get(own.pop("model", None), {})
    grid = params.get("grid", {})
    params["grid"] = {key: v for key, v in grid.items() if key not in ("model", "probe")}
    return flattened({"model": model, "probe": own, **params})


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ArtifactError(f"{path} is not YAML ({error}); run the stage again.") from error
    if not isinstance(content, dict):
        raise ArtifactError(f"{path} should hold settings by name; run the stage again.")
    return content


def _found(model: ProbeResults) -> dict[str, Any]:
    setup = model.setup
    facts: dict[str, Any] = {name: setup[name] for name in (*FACTS, *ASKED) if name in setup}
    facts["corpora"] = {
        corpus: {name: of_corpus[name] for name in OF_CORPUS if name in of_corpus}
        for corpus, of_corpus in setup.get("corpora", {}).items()
        if isinstance(of_corpus, Mapping)
    }
    bounds = model.table("bounds")
    if len(bounds):
        main = bounds.iloc[0]
        facts["bound"] = {name: _plain(main[name]) for name in OF_BOUNDS}
    return flattened(facts)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
