"""How much of n_active is rounding: the same tokens with activations in float32 and in bfloat16.

    python -m semdim.uncertainty.rounding --model outputs/models/M/export --hook HOOK
        --sae outputs/probes/P/sae --tokens outputs/models/M/tokens/random

prints a table. A token's n_active is stable where the two agree. The tail is not: a few tokens have
*massive activations*, many times as long as the others, which of them do is decided by rounding in
the blocks below, and such a token lights up thousands of atoms. A sequence's largest n_active and
"n_active > 500" count these tokens. The median does not see them.

The autoencoder computes in float32 in both; bfloat16 is that of `semdim.activations.rounding`.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.activations.norms import OUTLIER_RATIO

if TYPE_CHECKING:
    from torch import Tensor

DTYPES = ("float32", "bfloat16")


@dataclass(frozen=True)
class Counted:
    """n_active and lengths of activations in one arithmetic, position 0 left out."""

    n_active: Int[np.ndarray, "sequences positions"]
    """Active atoms."""
    norm: Float[np.ndarray, "sequences positions"]
    """‖h‖."""


def rounding_table(found: Mapping[str, Counted], threshold: int = 500) -> pd.DataFrame:
    """What each arithmetic says of the same tokens: a row for each of ``found``.

    Args:
        found: by name of the arithmetic, on the same tokens; the first is the reference.
        threshold: the paper's rule: an alarm when n_active exceeds it.

    Columns: ``dtype``; ``mean``, ``median`` and ``max`` of n_active over tokens; ``above``, the
    share of sequences with a token above the threshold; ``massive``, the tokens whose activation is
    more than ten medians of the reference long; ``above_massive``, the share of the tokens above
    the threshold that are of these; ``median_change``, the mean over sequences of how far the
    median of a sequence lies from the reference's; ``max_change``, the same of its largest value.
    """
    reference = next(iter(found.values()))
    limit = OUTLIER_RATIO * float(np.median(reference.norm))
    rows = []
    for dtype, counted in found.items():
        k, is_massive = counted.n_active, counted.norm > limit
        over = k > threshold
        rows.append(
            {
                "dtype": dtype,
                "mean": float(k.mean()),
                "median": float(np.median(k)),
                "max": int(k.max()),
                "above": float(over.any(axis=1).mean()),
                "massive": int(is_massive.sum()),
                "above_massive": float(is_massive[over].mean()) if over.any() else float("nan"),
                "median_change": _change(np.median, k, reference.n_active),
                "max_change": _change(np.max, k, reference.n_active),
            }
        )
    return pd.DataFrame(rows)


def _change(statistic: Any, values: np.ndarray, reference: np.ndarray) -> float:
    return float(np.abs(statistic(values, axis=1) - statistic(reference, axis=1)).mean())


def count_active(sae: Any, activation: "Tensor") -> Counted:
    """n_active and ‖h‖ of activations [sequences, context, d_model], position 0 left out."""
    from semdim.codes.encode import encode_rows

    codes = encode_rows(sae, activation.flatten(0, 1), 256)
    n_active = codes.tensors()["row_starts"].diff().view(activation.shape[:2])
    return Counted(n_active.numpy()[:, 1:], activation.float().norm(dim=-1).numpy()[:, 1:])


def in_both(split: Any, sae: Any, token_ids: "Tensor", batch_sequences: int) -> dict[str, Counted]:
    """The tokens' n_active with the model as it is (float32) and rounding to bfloat16.

    Args:
        split: a `semdim.forward.split.SplitModel` in float32.
        sae: the autoencoder, in float32.
        token_ids: [sequences, context].
        batch_sequences: sequences in one forward pass.
    """
    import torch

    from semdim.activations.rounding import rounding_to

    def run() -> Counted:
        parts = [split.prefix(part) for part in token_ids.split(batch_sequences)]
        return count_active(sae, torch.cat(parts))

    plain = run()
    with rounding_to(split.model):
        return dict(zip(DTYPES, (plain, run()), strict=True))


def main() -> None:
    import torch

    from semdim.forward.hook_points import parse_hook
    from semdim.forward.split import SplitModel
    from semdim.models.load import load_model
    from semdim.models.spec import WeightProcessing
    from semdim.saes.load import load_sae
    from semdim.tokens.sample import load_tokens

    parser = argparse.ArgumentParser(prog="python -m semdim.uncertainty.rounding")
    for name in ("--model", "--sae", "--tokens"):
        parser.add_argument(name, type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--hook", required=True, help="as in conf/probe")
    parser.add_argument("--sequences", type=int, default=64, help="the first so many (64)")
    given = parser.parse_args()
    hook_name, processing = parse_hook(given.hook)
    model = load_model(
        given.model,
        dtype=torch.float32,
        device="cpu",
        processing=WeightProcessing(**dict.fromkeys(processing, True)),
    )
    token_ids, _ = load_tokens(given.tokens)
    found = in_both(
        SplitModel(model, hook_name),
        load_sae(given.sae, device="cpu"),
        token_ids[: given.sequences],
        16,
    )
    print(rounding_table(found).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
