"""Where a monitor's model, SAE and threshold are: names of the pipeline's exports, or folders."""

from dataclasses import dataclass
from pathlib import Path

from semdim.errors import ArtifactError
from semdim.models.facts import FACTS_FILE
from semdim.monitor.threshold import Threshold, read_threshold
from semdim.paths import Paths


@dataclass(frozen=True)
class Sources:
    """Folders of the exports, and the threshold if there is one."""

    model: Path
    sae: Path
    threshold: Threshold | None


def find(
    model: str | Path,
    sae: str | Path | None,
    threshold: str | Path | Threshold | None,
    root: Path | str = ".",
) -> Sources:
    """Look first among the pipeline's outputs under ``root``, then for folders.

    Args:
        model: a model's name in the configuration, or a folder that `export_model` wrote.
        sae: None: the one that the pipeline exported for this model (or the folder ``sae`` beside
            the model's); the name of another model's; or a folder that `export_sae` wrote.
        threshold: a guardrail.json or one that was read; None: the model's own in results/, if
            it is there.

    Raises ArtifactError when one of them is not there.
    """
    paths = Paths(Path(root))
    model_folder = _one_of(
        "model", model, [paths.model(str(model)), Path(model), Path(model) / "model"], paths
    )
    places = (
        [model_folder.parent / "sae"]
        if sae is None
        else [paths.sae(str(sae)), Path(sae), Path(sae) / "sae"]
    )
    sae_folder = _one_of("SAE", model if sae is None else sae, places, paths)
    if threshold is None:
        default = paths.results(str(model)) / "guardrail.json"
        is_own = model_folder == paths.model(str(model)) and default.is_file()
        threshold = default if is_own else None
    if isinstance(threshold, (str, Path)):
        threshold = read_threshold(threshold)
    return Sources(model_folder, sae_folder, threshold)


def _one_of(what: str, asked: str | Path, places: list[Path], paths: Paths) -> Path:
    for place in places:
        if (place / FACTS_FILE).is_file():
            return place
    outputs = paths.model("any").parent.parent
    kind = "model" if what == "model" else "sae"
    known = sorted(path.parent.parent.name for path in outputs.glob(f"*/{kind}/{FACTS_FILE}"))
    have = f"exported here: {', '.join(known)}" if known else "none is exported here yet"
    raise ArtifactError(
        f"There is no exported {what} for {str(asked)!r}: neither a folder nor {places[0]} holds "
        f"one ({have}); export it with `dvc repro prepare_model prepare_sae`."
    )
