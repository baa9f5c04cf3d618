"""What transformers leaves out of a GGUF file: tensors and settings that it passes over."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semdim.errors import DataError, MismatchError
from semdim.models.checkpoint import first
from semdim.reading import refused

# Settings that describe the file or are implied by the tensors.
_HARMLESS = {"tensor_data_layout", "vocab_size"}
# Settings that transformers takes over for some architectures only, by their names in its config:
# elsewhere its default stands, which may be what the file says.
_IN_CONFIG = {
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
    "attention.sliding_window": "sliding_window",
    "attention.layer_norm_epsilon": "layer_norm_eps",
}
_HEAD_SIZES = ("attention.key_length", "attention.value_length", "rope.dimension_count")
# What says nothing, where a value stands for the absence of a feature.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "rope.scaling.type": ("none",),
    "rope.scaling.factor": (0.0, 1.0),
    "rope.scaling.attn_factor": (1.0,),
    "expert_count": (0,),
    "expert_used_count": (0,),
    "attention.causal": (True,),
}
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class GGUFHeader:
    """What stands before the numbers of a GGUF file."""

    architecture: str
    """As llama.cpp names it."""
    settings: dict[str, Any]
    """The model's own, without the name of the architecture before them."""
    tensors: frozenset[str]
    """Their names."""


def read_header(path: Path) -> GGUFHeader:
    """The file's metadata and the names of its tensors.

    Raises:
        DataError: it is no GGUF file, or one part of several.
    """
    from transformers.integrations.gguf import read_gguf_metadata

    try:
        metadata, tensors = read_gguf_metadata(str(path))
        n_parts = int(metadata.get("split.count", 1))
        prefix = f"{metadata['general.architecture']}."
    except Exception as error:  # struct's and numpy's errors, KeyError, UnicodeDecodeError
        raise refused(path, "a whole GGUF file", error, "get it again", DataError) from error
    if n_parts > 1:
        raise DataError(
            f"{path} is one of {n_parts} parts of a model: join them with "
            "`llama-gguf-split --merge` and name the joined file."
        )
    own = {key.removeprefix(prefix): v for key, v in metadata.items() if key.startswith(prefix)}
    return GGUFHeader(prefix[:-1], own, frozenset(tensors))


@contextmanager
def parsed_once() -> Iterator[None]:
    """Within it, gguf parses a file once, and makes its table of tensor names once for a model.

    transformers has the file parsed for the configuration, the tokenizer and the weights, and asks
    for the same table at each module: ten seconds for a vocabulary of 49,152 and thirty blocks.
    Both are only read, and forgotten behind it.
    """
    import gguf

    names = ("GGUFReader", "get_tensor_name_map")
    before = {name: getattr(gguf, name) for name in names if hasattr(gguf, name)}
    for name, made in before.items():
        setattr(gguf, name, functools.cache(made))
    try:
        yield
    finally:
        for name, made in before.items():
            setattr(gguf, name, made)


def check_gguf(header: GGUFHeader, model: Any, where: str) -> None:
    """Refuse a file of which something that decides the numbers was not taken over.

    Args:
        header: of `read_header`.
        model: what transformers made of the file.
        where: the file's name, for errors.

    Raises:
        MismatchError: a setting or a tensor was left out; it is named.
    """
    left = header.tensors - _read_tensors(header, model)
    if left:
        raise MismatchError(
            f"transformers ignores {first(left)} in {where} (rope_* are scaled rotary positions), "
            "so the model would compute something else: use the safetensors folder from which the "
            "file was made."
        )
    lost = [
        f"{key} = {value}"
        for key, value in header.settings.items()
        if not _is_taken_over(header, key, value, model.config)
    ]
    if lost:
        raise MismatchError(
            f"transformers drops {first(lost)} from {where}, so the model would compute something "
            "else: use the safetensors folder from which the file was made."
        )


def _is_taken_over(header: GGUFHeader, key: str, value: Any, config: Any) -> bool:
    from transformers.integrations import GGUF_CONFIG_MAPPING

    mapping: dict[str, Any] = GGUF_CONFIG_MAPPING
    known = mapping.get(header.architecture, {})
    if key in _HARMLESS or known.get(key) is not None or value in _NEUTRAL.get(key, ()):
        return True
    if key.startswith("rope.scaling.") and header.settings.get("rope.scaling.type") == "none":
        return True
    if key in _HEAD_SIZES:
        heads = config.num_attention_heads
        return bool(value == (getattr(config, "head_dim", None) or config.hidden_size // heads))
    if key in _IN_CONFIG:
        there = getattr(config, _IN_CONFIG[key], None)
        return there is not None and abs(float(there) - float(value)) <= _TOLERANCE * abs(value)
    return False


def _read_tensors(header: GGUFHeader, model: Any) -> set[str]:
    """Names of the tensors that transformers finds a place for."""
    from transformers.modeling_gguf_pytorch_utils import (
        TENSOR_PROCESSORS,
        TensorProcessor,
        get_gguf_hf_weights_map,
    )

    kind: Any = TENSOR_PROCESSORS.get(header.architecture, TensorProcessor)
    return set(get_gguf_hf_weights_map(model, kind(config=model.config.to_dict())))
