"""One comparison at export: do the two halves compute what the plain model of transformers does?

Back ends read a configuration in their own way, and a setting that one of them drops (scaled rotary
positions, a sliding window, a bias) moves every number without an error anywhere.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from semdim.errors import MismatchError
from semdim.models.unusual import likely_cause, reach

LogProbs = Callable[
    [Int[Tensor, " context"], Int[Tensor, " rows"]], Float[Tensor, "rows vocab_size"]
]
"""(token ids of a sequence, positions): natural log p of each next token after these positions, in
float32. A back end is compared through such a function alone."""

#: Largest difference in log p. Where float32 itself is no finer (a massive activation, a deep
#: model), so many times the rounding error of transformers counts instead.
TOLERANCE = 1e-3
ROUNDINGS = 4
_LEAST = 128  # tokens
_BEYOND = 33  # tokens behind the end of a window
_ROWS = 128  # positions at which all of the vocabulary is compared


def compared_length(config: Any, n_context: int, context: int | None) -> int:
    """Tokens in a sequence of the comparison.

    A run's own ``context`` decides, where it is known: no longer sequence will be run, and at this
    length a longer window is no window. Otherwise the sequence reaches 33 tokens past the longest
    window, and the original length of scaled positions.
    """
    wanted = max(_LEAST, reach(config) + _BEYOND) if context is None else context
    return min(wanted, n_context)


def sequences(
    tokenizer: Any, vocab_size: int, *, bos_token_id: int, excluded: set[int], length: int
) -> Int[np.ndarray, "2 length"]:
    """English and Python of the standard library, and uniform tokens; each after BOS."""
    from semdim.models.tiny import standard_library_text

    n_body = length - 1
    text = "".join(standard_library_text())[: 16 * n_body]
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    real = [i for i in ids if i < vocab_size] or [bos_token_id]
    drawable = [i for i in range(vocab_size) if i not in excluded] or [bos_token_id]
    drawn = np.random.default_rng(0).choice(np.asarray(drawable), size=n_body)
    bodies = np.stack([np.resize(real, n_body), drawn])
    return np.concatenate([np.full((2, 1), bos_token_id), bodies], axis=1)


def rows(length: int) -> Int[np.ndarray, " rows"]:
    """Positions that are compared: all of a short sequence; the last 33, and others evenly."""
    if length <= _ROWS:
        return np.arange(length)
    spread = np.linspace(0, length - _BEYOND - 1, _ROWS - _BEYOND).round().astype(int)
    return np.concatenate([spread, np.arange(length - _BEYOND, length)])


def evaluate(log_probs: LogProbs, token_ids: Int[np.ndarray, "sequences length"]) -> list[Tensor]:
    """Log p at `rows`, of each sequence."""
    at = torch.from_numpy(rows(token_ids.shape[1]))
    with torch.inference_mode():
        return [log_probs(torch.from_numpy(ids).long(), at) for ids in token_ids]


def largest_difference(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """The largest |difference|; NaN where there is one, and infinite for another vocabulary."""
    if any(a.shape != b.shape for a, b in zip(ours, theirs, strict=True)):
        return float("inf")
    return float(max((a - b).abs().max() for a, b in zip(ours, theirs, strict=True)))


def of_transformers(model: Any) -> LogProbs:
    """The plain forward of a model of transformers, in its own dtype; attention is not fused.

    (Fused attention leaves soft caps out without a word.)
    """
    model.eval().set_attn_implementation("eager")
    is_lazy = "logits_to_keep" in inspect.signature(model.forward).parameters

    def log_probs(token_ids: Tensor, positions: Tensor) -> Tensor:
        if is_lazy:  # logits of a long sequence need not all be in memory
            kept = model(token_ids[None], use_cache=False, logits_to_keep=positions).logits[0]
        else:
            kept = model(token_ids[None], use_cache=False).logits[0, positions]
        return kept.log_softmax(-1)

    return log_probs


def of_halves(folder: Path, n_layers: int, backend: str) -> LogProbs:
    """The exported model as a back end runs it, cut in the middle.

    Raises:
        MismatchError: the back end does not know the architecture.
    """
    from semdim.forward.backend import load_backend
    from semdim.forward.split import SplitModel
    from semdim.models.spec import WeightProcessing

    model = load_backend(
        backend, folder, dtype=torch.float32, device="cpu", processing=WeightProcessing()
    )
    split = SplitModel(model, f"blocks.{n_layers // 2}.hook_resid_pre")

    def log_probs(token_ids: Tensor, positions: Tensor) -> Tensor:
        residual = split.suffix(split.prefix(token_ids[None]))[0]
        return split.logits(residual[positions]).float().log_softmax(-1)

    return log_probs


def load_double(folder: Path) -> Any:
    """The exported model in float64, for the rounding error of float32."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, local_files_only=True,
        trust_remote_code=False, use_safetensors=True,
    )  # fmt: skip


def check_agreement(
    ours: list[Tensor],
    theirs: list[Tensor],
    *,
    config: Any,
    name: str,
    rounding: Callable[[], float],
) -> float:
    """Refuse a model that the two sides do not agree about.

    Args:
        ours: `evaluate` of the two halves.
        theirs: the same of transformers.
        config: of transformers, from which the cause is told.
        name: what to call the model in errors.
        rounding: the largest error of ``theirs``, asked for only where the difference is large.

    Returns the largest difference in log p.

    Raises:
        MismatchError: it is above `TOLERANCE`, and above what rounding explains.
    """
    found = largest_difference(ours, theirs)
    if found <= TOLERANCE or found <= ROUNDINGS * rounding():
        return found
    raise MismatchError(
        f"{name} does not compute the same as in transformers: log p differs by up "
        f"to {found:.2g} (allowed: {TOLERANCE:g}) on {len(theirs)} sequences. "
        f"{likely_cause(config)}"
    )
