"""What tells the content of a model's source, without loading it."""

from pathlib import Path
from typing import Any

from semdim import origin
from semdim.errors import ConfigError
from semdim.models.spec import ModelSource


def model_digest(source: ModelSource) -> dict[str, Any]:
    """What identifies the weights, the configuration and the tokenizer behind ``source``.

    Raises:
        ConfigError: a folder or package is not there.
    """
    if source.kind == "folder":
        folder = Path(str(source.path)).expanduser()
        if not folder.is_dir():
            raise ConfigError(
                f"Model source: there is no folder {folder}; give the path of a folder in "
                "transformers format."
            )
        content = (path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
        return {"files": origin.files(content, relative_to=folder)}
    if source.kind == "gguf_package":
        from semdim.models.gguf import DISTRIBUTIONS, find_package

        package = str(source.package)
        distribution = DISTRIBUTIONS.get(package, package.replace("_", "-"))
        folder = find_package(package)
        content = folder.glob("*.gguf")
        return origin.as_record(
            version=origin.package_version(distribution),
            files=origin.files(content, relative_to=folder),
        )
    if source.kind == "hub":
        commit = origin.hub_commit(str(source.repo), source.revision)
        return origin.as_record(commit=commit)
    return {}
