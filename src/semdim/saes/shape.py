"""What an SAE's own configuration says of its size, where it lies on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semdim.errors import ArtifactError
from semdim.reading import read_json
from semdim.saes.registered import cached_config
from semdim.saes.source import FILES
from semdim.saes.spec import SAESource

_DICT_SIZE = ("d_sae", "dict_size", "num_latents")


@dataclass(frozen=True)
class SAEShape:
    """Sizes of an SAE; None: not known before it is loaded."""

    dict_size: int | None = None
    """Atoms."""
    d_in: int | None = None
    """Width of the residual stream that it reads."""
    context_size: int | None = None
    """Longest context to accept, in tokens: the setting, or what it was trained with."""
    where: str = ""
    """The file that says so, for messages."""


def known_shape(source: SAESource) -> SAEShape:
    """What is known without a hub and without weights.

    Raises:
        ConfigError: SAELens's registry has no such release or SAE.
    """
    if source.kind == "random":
        return SAEShape(source.dict_size, source.d_in, source.context_size, "its settings")
    if source.kind == "folder":
        path: Path | None = Path(str(source.path)).expanduser() / FILES[0]
    else:
        path = cached_config(str(source.release), str(source.sae_id))
    if path is None:
        return SAEShape(context_size=source.context_size)
    try:
        config = read_json(path, finite=False)
    except ArtifactError:
        return SAEShape()  # prepare_sae says what is wrong with it
    metadata = config.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else config
    dict_size = next((size for key in _DICT_SIZE if (size := _whole(config.get(key)))), None)
    context = source.context_size or _whole(metadata.get("context_size"))
    return SAEShape(dict_size, _whole(config.get("d_in")), context, str(path))


def _whole(value: Any) -> int | None:
    is_size = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**62
    return value if is_size else None
