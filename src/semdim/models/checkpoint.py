"""Does a checkpoint hold just the tensors of its model? Nothing may be missing, left over or odd.

transformers fills what a checkpoint lacks with random numbers, leaves aside what the model does not
have, and casts whatever it is given; here each of these is an error.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from semdim.errors import DataError
from semdim.reading import is_there, parsed_json, read_json, reading

#: Tensors that may stand in a checkpoint and in no model: masks and tables that the code makes
#: itself. (Heads that are tied to the embedding are known to transformers, and reported only where
#: both are missing.)
HARMLESS = re.compile(
    r"(^|\.)(attn|attention|self_attn)\.(bias|masked_bias)$"  # causal masks of GPT-2 and GPT-NeoX
    r"|(^|\.)rotary_emb\.(inv_freq|cos_cached|sin_cached)$"
    r"|(^|\.)position_ids$"
)
_FLOATS = {"F64", "F32", "F16", "BF16"}
_NAMED = 3


def check_report(report: Mapping[str, Any], where: str) -> None:
    """Refuse a model whose loading left something open.

    Args:
        report: what `from_pretrained(..., output_loading_info=True)` says.
        where: what to call the checkpoint in errors.

    Raises:
        DataError: tensors are missing, of another shape, or not the model's; the first are named.
    """
    mismatched = {
        f"{name} ({_shape(stored)} in the file, {_shape(wanted)} by config.json)"
        for name, stored, wanted in report["mismatched_keys"]
    }
    if mismatched:
        raise DataError(
            f"{where} disagrees with its config.json about {first(mismatched)}: correct the "
            "config, or get the matching weights."
        )
    missing, left = set(report["missing_keys"]), unexpected(report["unexpected_keys"])
    if missing:
        also = f"; it holds {first(left)} instead" if left else ""
        raise DataError(
            f"{where} lacks {first(missing)}, which its config.json requires{also}: get the "
            "complete checkpoint, with names as transformers writes them."
        )
    if left:
        raise DataError(
            f"{where} holds {first(left)}, which its config.json does not describe: the config "
            "(its number of layers, for instance) or the weights belong to another model."
        )


def unexpected(names: Iterable[str]) -> set[str]:
    """The names that are not known to be harmless."""
    return {name for name in names if not HARMLESS.search(name)}


#: Endings of weights that Python's pickle reads.
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


def check_files(folder: Path) -> None:
    """Refuse weights that are not safetensors, or no floating-point numbers, before they are read.

    Raises:
        DataError: the weights are a pickle, which can run code when it is read; or a tensor is of
            whole numbers, or of 8 bits.
    """
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    if pickles and not weight_files(folder):
        raise DataError(
            f"{folder} has its weights in {first(pickles)}, a format that can run code when it is "
            "read: semdim reads only safetensors and GGUF; get the checkpoint in safetensors."
        )
    for path in weight_files(folder):
        for name, entry in sorted(_header(path).items()):
            if HARMLESS.search(name):
                continue
            if entry["dtype"] not in _FLOATS:
                raise DataError(
                    f"{path} stores {name} as {entry['dtype']}, which is not a floating-point "
                    "type: semdim reads float32, float16 and bfloat16; get the unquantised "
                    "checkpoint."
                )


def check_unique(folder: Path, prefix: str) -> None:
    """Refuse safetensors files that hold a weight twice, with and without the model's prefix.

    transformers takes either, and one in place of the other where there are both.

    Args:
        folder: of the checkpoint.
        prefix: `base_model_prefix` of the model's class, such as ``model`` or ``transformer``.

    Raises:
        DataError: with the names.
    """
    names = {name for path in weight_files(folder) for name in _header(path)}
    twice = {name for name in names if f"{prefix}.{name}" in names}
    if twice:
        raise DataError(
            f"{folder} holds {first(twice)} twice, with and without {prefix!r} before the name: "
            "only one of them can belong to the model; get a checkpoint that was saved once."
        )


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that transformers reads in ``folder``; none where it has others."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if is_there(single):
        return [single]
    if not is_there(index):
        return []
    expected, advice = "the list of a checkpoint's files", "get it again"
    with reading(index, expected, advice, DataError):
        listed = read_json(index, expected, advice=advice, kind=DataError)
        names = set(listed["weight_map"].values())
        paths = [folder / str(name) for name in sorted(names)]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{folder} lacks {first(missing)}, which {index.name} lists: get the complete "
            "checkpoint."
        )
    return paths


def _header(path: Path) -> dict[str, Any]:
    """The table of a safetensors file: name, dtype and shape of each tensor."""
    advice = "get it again (a Git LFS pointer has to be pulled)"
    with reading(path, "a whole safetensors file", advice, DataError):
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > path.stat().st_size:
                raise ValueError("its table is cut off")
            raw = stream.read(length)
        table = parsed_json(raw, path, advice=advice, kind=DataError)
        table.pop("__metadata__", None)
        for entry in table.values():
            if not isinstance(entry["dtype"], str):
                raise ValueError("its table names a dtype that is no string")
        return table


def check_finite(tensors: Mapping[str, Any], where: str) -> None:
    """Refuse weights that are NaN or infinite.

    Raises:
        DataError: with the tensor's name.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise DataError(
                f"{where} has NaN or infinite values in {name}: get the checkpoint again, or one "
                "from an earlier step."
            )


def first(names: Collection[str]) -> str:
    """The first few of some names, and how many more there are."""
    ordered = sorted(names)
    more = len(ordered) - _NAMED
    return ", ".join(ordered[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _shape(shape: Iterable[int]) -> str:
    return "×".join(map(str, shape))
