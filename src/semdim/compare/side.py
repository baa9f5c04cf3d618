"""One side of a comparison: its probes' results, and the settings that they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semdim.compare.revisions import Source, is_probe, located
from semdim.errors import ConfigError
from semdim.flat import flattened
from semdim.reading import is_there, mapping, mappings, read_json, read_yaml, taken
from semdim.results.read import ProbeResults, probes_folder, read_probe, read_results

RECORDED = "params.yaml"
ADVICE = "run the stage again"
FACTS = ("model", "sae", "packages", "python")
"""Of setup.json: what was measured, whatever was asked for."""
ASKED = ("sample", "splice", "context", "seed", "engine")
"""Of setup.json: settings, for results without params.yaml."""
OF_CORPUS = ("role", "n_tokens", "n_sequences", "n_documents", "versions")
OF_BOUNDS = ("failure_prob", "smoothing", "unit")


@dataclass(frozen=True)
class Settings:
    """What a probe's results belong to."""

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
    probes: dict[str, ProbeResults]
    """By name; results of before semdim had probes are named after their model."""
    settings: dict[str, Settings]
    """By probe, as ``probes``."""


@dataclass(frozen=True)
class Pair:
    """One probe's results on both sides."""

    name: str
    """The probe's name, or both where they differ."""
    a: ProbeResults
    b: ProbeResults
    settings_a: Settings
    settings_b: Settings


@dataclass(frozen=True)
class Pairs:
    """What can be compared, and what cannot."""

    both: list[Pair]
    only_a: list[str] = field(default_factory=list)
    """Probes without a counterpart."""
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
        is_single = is_probe(folder)
        probes = [read_probe(folder)] if is_single else read_results(folder)
        parent = probes_folder(folder)
        settings = {
            probe.name: _settings(folder if is_single else parent / probe.name, probe, source)
            for probe in probes
        }
        return Side(name, source.what, {probe.name: probe for probe in probes}, settings)


def paired(a: Side, b: Side) -> Pairs:
    """Pair probes by name; two sides with one probe each are compared whatever the names.

    Raises:
        ConfigError: the sides have no probe in common.
    """
    if len(a.probes) == len(b.probes) == 1:
        (left,), (right,) = a.probes, b.probes
        name = left if left == right else f"{left} → {right}"
        return Pairs([_pair(name, a, left, b, right)])
    both = [name for name in a.probes if name in b.probes]
    if not both:
        raise ConfigError(
            f"{a.name} ({', '.join(a.probes)}) and {b.name} ({', '.join(b.probes)}) have no probe "
            "in common; name the folder of one probe on each side, as results/probes/NAME."
        )
    return Pairs(
        [_pair(name, a, name, b, name) for name in both],
        [name for name in a.probes if name not in both],
        [name for name in b.probes if name not in both],
    )


def _pair(name: str, a: Side, left: str, b: Side, right: str) -> Pair:
    return Pair(name, a.probes[left], b.probes[right], a.settings[left], b.settings[right])


def _settings(folder: Path, probe: ProbeResults, source: Source) -> Settings:
    return Settings(_asked(folder, probe, source), _found(probe))


def _asked(folder: Path, probe: ProbeResults, source: Source) -> dict[str, Any] | None:
    """From params.yaml in the probe's folder, a point's row of a sweep, or the revision's own."""
    row = folder / "row.json"
    if is_there(folder / RECORDED):
        file = folder / RECORDED
        params = read_yaml(file, advice=ADVICE)
    elif is_there(row):
        file = row
        params = taken(read_json(row, advice=ADVICE), "config", mapping, row, ADVICE)
    elif source.params is not None:
        file = source.params
        params = read_yaml(file, advice=ADVICE)
    else:
        return None
    params = {"probes": {}, "models": {}, "grid": {}} | params
    probes, models = (taken(params, name, mappings, file, ADVICE) for name in ("probes", "models"))
    grid = taken(params, "grid", mapping, file, ADVICE)
    del params["probes"], params["models"]
    if not probes:
        probes, models = _of_before_probes(models, probe)
    for name in ("axes", "plugins", "tracking"):
        params.pop(name, None)
    if probe.name not in probes and len(probes) != 1:
        return None
    own = dict(probes.get(probe.name) or next(iter(probes.values())))
    model = models.get(str(own.pop("model", None)), {})
    params["grid"] = {key: v for key, v in grid.items() if key not in ("model", "probe")}
    return flattened({"model": model, "probe": own, **params})


def _of_before_probes(
    models: Mapping[str, Any], probe: ProbeResults
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Probes and models of settings that keep a model's source and its SAE in one entry."""
    hook = probe.setup.get("sae", {}).get("hook_point")
    told = {} if hook is None else {"hook": hook}
    probes = {
        name: {"model": name, **told, "sae": entry.get("sae", {})} for name, entry in models.items()
    }
    return probes, {name: entry.get("source", {}) for name, entry in models.items()}


def _found(probe: ProbeResults) -> dict[str, Any]:
    setup = probe.setup
    facts: dict[str, Any] = {name: setup[name] for name in (*FACTS, *ASKED) if name in setup}
    facts["corpora"] = {
        corpus: {name: of_corpus[name] for name in OF_CORPUS if name in of_corpus}
        for corpus, of_corpus in setup.get("corpora", {}).items()
        if isinstance(of_corpus, Mapping)
    }
    bounds = probe.table("bounds")
    if len(bounds):
        main = bounds.iloc[0]
        facts["bound"] = {name: _plain(main[name]) for name in OF_BOUNDS}
    return flattened(facts)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
