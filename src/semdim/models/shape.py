"""What a model's own configuration says of its size, where it lies on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semdim.errors import ArtifactError, ConfigError
from semdim.models.gguf_header import header_numbers
from semdim.models.spec import ModelSource
from semdim.reading import read_json

CONFIG = "config.json"
_GGUF = {
    "n_layers": "block_count",
    "d_model": "embedding_length",
    "n_context": "context_length",
}
#: The names that architectures have for one number in config.json.
_CONFIG: dict[str, tuple[str, ...]] = {
    "n_layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "d_model": ("hidden_size", "n_embd", "d_model"),
    "n_context": ("max_position_embeddings", "n_positions", "n_ctx"),
    "vocab_size": ("vocab_size",),
}


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a model; None: not known before it is read."""

    n_layers: int | None = None
    """Blocks."""
    d_model: int | None = None
    """Width of the residual stream."""
    n_context: int | None = None
    """Longest sequence that its configuration allows, in tokens."""
    vocab_size: int | None = None
    """Rows of the embedding."""


def known_shape(source: ModelSource) -> ModelShape:
    """What is known without a hub and without weights.

    Raises:
        ConfigError: a folder or package is there but holds no model, or several to choose from.
            One that is not there is `semdim.models.source`'s to refuse.
    """
    if source.kind == "random":
        return ModelShape(source.n_layers, source.d_model, source.n_context, source.vocab_size)
    if source.kind == "hub":
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(str(source.repo), CONFIG, revision=source.revision)
        return _of_config(Path(found)) if isinstance(found, str) else ModelShape()
    if source.kind == "folder":
        return _of_folder(Path(str(source.path)).expanduser(), source.gguf_file)
    from semdim.models.gguf import find_package, pick_gguf

    try:
        folder = find_package(str(source.package))
    except ConfigError:
        return ModelShape()  # `semdim.models.source` says so
    if source.gguf_file is None and not list(folder.glob("*.gguf")):
        return ModelShape()  # it comes in parts
    return _of_gguf(pick_gguf(folder, source.gguf_file))


def _of_folder(folder: Path, gguf_file: str | None) -> ModelShape:
    from semdim.models.gguf import pick_gguf

    if not folder.is_dir():
        return ModelShape()  # `semdim.models.source` says so
    if gguf_file is None and (folder / CONFIG).is_file():
        return _of_config(folder / CONFIG)
    if gguf_file is None and not list(folder.glob("*.gguf")):
        raise ConfigError(
            f"There is no model in {folder}: it holds neither {CONFIG} nor a GGUF file; give a "
            "folder in transformers format."
        )
    return _of_gguf(pick_gguf(folder, gguf_file))


def _of_gguf(path: Path) -> ModelShape:
    found = header_numbers(path, _GGUF.values())
    return ModelShape(**{name: _whole(found.get(key)) for name, key in _GGUF.items()})


def _of_config(path: Path) -> ModelShape:
    try:
        config = read_json(path, finite=False)
    except ArtifactError:
        return ModelShape()  # prepare_model says what is wrong with it
    inner = config.get("text_config")
    if isinstance(inner, dict):
        config = inner
    sizes = {name: _first(config, keys) for name, keys in _CONFIG.items()}
    if sizes["n_context"] is not None:
        sizes["n_context"] = int(sizes["n_context"] * _stretch(config.get("rope_scaling")))
    return ModelShape(**sizes)


def _first(config: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    return next((size for key in keys if (size := _whole(config.get(key))) is not None), None)


def _stretch(rope: Any) -> float:
    """By what scaled rotary positions may lengthen the context."""
    factor = rope.get("factor") if isinstance(rope, Mapping) else None
    return max(1.0, factor) if isinstance(factor, int | float) and factor < 1e6 else 1.0


def _whole(value: Any) -> int | None:
    is_size = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**62
    return value if is_size else None
