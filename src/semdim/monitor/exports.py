"""Where a monitor's model, SAE and threshold are: a probe of the pipeline, or folders."""

import os
from dataclasses import dataclass, fields
from pathlib import Path

from semdim.errors import ArtifactError, ConfigError, MismatchError
from semdim.models.facts import FACTS_FILE
from semdim.models.spec import WeightProcessing
from semdim.monitor.selection import Selection
from semdim.monitor.threshold import Threshold, read_threshold
from semdim.paths import Paths
from semdim.reading import read_json
from semdim.records import from_plain
from semdim.saes.facts import read_facts

HOW_TO_EXPORT = "export it with `dvc repro prepare_model prepare_sae`"


@dataclass(frozen=True)
class Exports:
    """What a monitor is made of."""

    model: Path
    """Folder that `export_model` wrote."""
    sae: Path
    """Folder that `export_sae` wrote."""
    processing: WeightProcessing
    """How the model's weights must be processed for the SAE."""
    threshold: Threshold | Selection | None
    """What k is compared with, if there is something."""


@dataclass(frozen=True)
class Hook:
    """A probe's hook.json: where which model is cut."""

    model: str
    """Name of the model in the configuration."""
    hook_name: str
    """TransformerLens's name of the hook point."""
    processing: WeightProcessing
    """How the model's weights must be processed for the SAE."""


def read_hook(path: Path) -> Hook:
    """Read a probe's hook.json. Raises ArtifactError when it is missing or damaged."""
    raw = read_json(path, "a probe's hook point", advice="`dvc repro prepare_sae` writes it again")
    known = {item.name: raw[item.name] for item in fields(Hook) if item.name in raw}
    return from_plain(known, Hook, str(path))


def exported_probes(root: Path | str = ".") -> tuple[str, ...]:
    """Names of the probes whose SAE the pipeline exported under ``root``, in alphabetical order."""
    paths = Paths(Path(root))
    hooks = paths.root.glob(str(paths.hook("*").relative_to(paths.root)))
    names = sorted(path.parent.name for path in hooks)
    return tuple(name for name in names if _is_export(paths.sae(name)))


def find(
    probe: str | None = None,
    model: str | Path | None = None,
    sae: str | Path | None = None,
    threshold: str | Path | Threshold | Selection | None = None,
    root: Path | str = ".",
) -> Exports:
    """Look first among the pipeline's outputs under ``root``, then for folders.

    Args:
        probe: a probe's name. None: the only one of ``model``; without a model the only one.
        model: a model's name in the configuration; or a folder that `export_model` wrote.
        sae: with a model and in place of a probe: a probe's name, whose SAE is meant, or a folder
            that `export_sae` wrote. None, with a folder as model: the folder ``sae`` beside it.
        threshold: a guardrail.json or one that was read; None: the probe's own in results/, if it
            is there.

    Raises:
        ArtifactError: one of them is not there, or several probes are possible.
        MismatchError: the probe is of another model.
        ConfigError: a probe and an SAE, or an SAE without a model.
    """
    paths = Paths(Path(root))
    if sae is not None and (probe is not None or model is None):
        raise ConfigError(
            f"The SAE {str(sae)!r} needs a model and no probe, because a probe is an SAE at a "
            "hook point of a model: give only a probe, or a model and an SAE."
        )
    if model is not None and (sae is not None or (probe is None and _is_folder(model, paths))):
        return _of_folders(model, sae, threshold, paths)
    return _of_probe(_choose(probe, model, paths), model, threshold, paths)


def _of_folders(
    model: str | Path,
    sae: str | Path | None,
    threshold: str | Path | Threshold | Selection | None,
    paths: Paths,
) -> Exports:
    """A model and an SAE that make no probe: nothing in results/ is for them."""
    place = paths.model(str(model))
    folder = place if _is_name(model, paths) else _folder(model, "model")
    if folder is None:
        raise _absent("model", model, place, paths)
    place = folder.parent / "sae" if sae is None else paths.sae(str(sae))
    found = place if sae is None or _is_export(place) else _folder(sae, "sae")
    if found is None or not _is_export(found):
        raise _absent("SAE", model if sae is None else sae, place, paths)
    return Exports(folder, found, read_facts(found).processing, _read(threshold))


def _of_probe(
    probe: str,
    model: str | Path | None,
    threshold: str | Path | Threshold | Selection | None,
    paths: Paths,
) -> Exports:
    if not os.path.isfile(paths.hook(probe)) or not _is_export(paths.sae(probe)):
        raise _absent("probe", probe, paths.sae(probe), paths)
    hook = read_hook(paths.hook(probe))
    if model is not None and str(model) != hook.model:
        raise MismatchError(
            f"The probe {probe!r} belongs to the model {hook.model!r}, not to {str(model)!r}: "
            "leave the model out, or choose another probe."
        )
    if not _is_export(paths.model(hook.model)):
        raise _absent("model", hook.model, paths.model(hook.model), paths)
    own = paths.results(probe) / "guardrail.json"
    if threshold is None and own.is_file():
        threshold = own
    return Exports(paths.model(hook.model), paths.sae(probe), hook.processing, _read(threshold))


def _choose(probe: str | None, model: str | Path | None, paths: Paths) -> str:
    """The probe that is meant."""
    if probe is not None:
        return probe
    exported = exported_probes(paths.root)
    found = [
        name
        for name in exported
        if model is None or read_hook(paths.hook(name)).model == str(model)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        of_model = "" if model is None else f" of the model {str(model)!r}"
        raise ArtifactError(
            f"{len(found)} probes{of_model} are exported here, {', '.join(found)}: choose one of "
            "them (--probe)."
        )
    if model is not None and _is_export(paths.model(str(model))):
        raise _absent("probe", model, paths.sae("<probe>"), paths)
    what = "any probe" if model is None else model
    raise _absent("model", what, paths.model("<model>" if model is None else str(model)), paths)


def _read(threshold: str | Path | Threshold | Selection | None) -> Threshold | Selection | None:
    return read_threshold(threshold) if isinstance(threshold, (str, Path)) else threshold


def _is_name(model: str | Path, paths: Paths) -> bool:
    """Whether this is the name of a model that the pipeline exported, and not a folder's path."""
    return len(Path(model).parts) == 1 and _is_export(paths.model(str(model)))


def _is_folder(model: str | Path, paths: Paths) -> bool:
    return not _is_name(model, paths) and _folder(model, "model") is not None


def _is_export(folder: Path) -> bool:
    return os.path.isfile(folder / FACTS_FILE)  # False also for names that no file can have


def _folder(asked: str | Path, kind: str) -> Path | None:
    """The folder that was asked for by its own path, if it holds an export."""
    places = (Path(asked), Path(asked) / kind)
    return next((place for place in places if _is_export(place)), None)


def _absent(what: str, asked: str | Path, place: Path, paths: Paths) -> ArtifactError:
    known = exported_probes(paths.root)
    have = f"probes exported here: {', '.join(known)}" if known else "none is exported here yet"
    return ArtifactError(
        f"There is no exported {what} for {str(asked)!r}: neither a folder nor {place} holds one "
        f"({have}); {HOW_TO_EXPORT}."
    )
