"""What tells the content of an SAE's source, without loading it."""

from pathlib import Path
from typing import Any

from semdim import origin
from semdim.errors import ConfigError
from semdim.saes.spec import SAESource

#: What SAELens's save_model writes; cards and records beside it are not read.
FILES = ("cfg.json", "sae_weights.safetensors")


def sae_digest(source: SAESource) -> dict[str, Any]:
    """What identifies the weights and the configuration behind ``source``.

    Raises:
        ConfigError: the folder or one of its files is not there.
    """
    if source.kind == "folder":
        folder = Path(str(source.path)).expanduser()
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise ConfigError(
                f"There is no SAE in {folder}: {missing[0]} is missing; expected a folder that "
                "SAELens's save_model wrote."
            )
        return {"files": origin.files((folder / name for name in FILES), relative_to=folder)}
    if source.kind == "release":
        # The registry that comes with SAELens says where a release is and how its input is scaled.
        return origin.as_record(sae_lens=origin.package_version("sae-lens"))
    return {}
