"""What is at the sources of text, models and SAEs: a small file each, which stages depend on.

Each file holds the settings of the source and what tells its content: digests of local files, name
and version of a package, path and revision on the hub. An edited text or a model folder whose
weights changed changes it, and so what is computed from it.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from semdim import origin
from semdim.artifacts.code import imported_modules
from semdim.artifacts.shards import write_json
from semdim.errors import ConfigError
from semdim.models.source import model_digest
from semdim.models.spec import ModelSource
from semdim.paths import Paths
from semdim.questions.spec import QuestionsSpec
from semdim.saes.source import sae_digest
from semdim.saes.spec import SAESource
from semdim.scaffold import modules_with_record
from semdim.text.room import check_room
from semdim.text.source import source_digest
from semdim.text.spec import CorpusSpec
from stages.support.dependencies import PIPELINES
from stages.support.engine import engine_record


def write_sources(params: dict[str, Any], paths: Paths) -> None:
    """Write the record of every source of this run and of its dtype; those of others are removed.

    Raises:
        DataError, ConfigError: a file, folder, package or device is not there, a corpus is too
            small, or bfloat16 is slower than float32.
    """
    wanted = {paths.engine: engine_record(params["engine"])}
    for name, entry in params["corpora"].items():
        spec = CorpusSpec.from_mapping(entry, f"corpora.{name}")
        settings = {key: value for key, value in entry.items() if key != "role"}
        record = {"settings": settings, "found": source_digest(spec)}
        _check_room(name, spec, record["found"], params["tokens"])
        wanted[paths.source("corpora", name)] = record
    for name, entry in params["questions"].items():
        found = QuestionsSpec.from_mapping(entry, f"questions.{name}").source()
        wanted[paths.source("questions", name)] = {"settings": entry, "found": found}
    for name, entry in params["models"].items():
        found = model_digest(ModelSource.from_mapping(entry))
        wanted[paths.source("models", name)] = {"settings": entry, "found": found}
    for name, entry in params["probes"].items():
        found = sae_digest(SAESource.from_mapping(entry["sae"]))
        wanted[paths.source("probes", name)] = {"settings": entry, "found": found}
    plugins = {name: _files_of(name) for name in params.get("plugins") or ()}
    wanted[paths.plugins] = plugins
    for pipeline in PIPELINES:
        text = pipeline.read_text(encoding="utf-8") if pipeline.exists() else ""
        for module in modules_with_record(text):
            wanted[paths.code(module)] = code_of(module)
    for path in paths.inputs.rglob("*.json"):
        if path not in wanted:
            path.unlink()
    for path, record in wanted.items():
        write_json(path, record)


def _check_room(name: str, spec: CorpusSpec, found: dict[str, Any], tokens: Any) -> None:
    """Refuse a corpus that is too small, where the sizes of its files tell."""
    sizes = spec.documents_at_most(found)
    if sizes is not None:
        cap = tokens["max_sequences_per_document"]
        check_room(name, spec.n_tokens, sizes, tokens["context"], cap)


def code_of(module: str) -> dict[str, str]:
    """Digests of the modules that a stage imports, by name: its code where semdim is installed
    beside the pipeline, and no file of it can be named in dvc.yaml."""
    found = imported_modules(module)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}


def _files_of(module: str) -> dict[str, str]:
    """Digests of a plugin's file, or of every module of it where it is a package."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"The plugin {module!r} is not a module with a file of its own: name one."
        )
    path = Path(spec.origin)
    found = [path] if spec.submodule_search_locations is None else path.parent.rglob("*.py")
    return origin.files(found, relative_to=path.parent)
