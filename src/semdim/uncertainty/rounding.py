"""How much of n_active is rounding: k of the same tokens in float32 and in bfloat16 (rounding.csv).

A token's n_active is stable where the two agree. The tail is not: a few tokens have *massive
activations*, many times as long as the others, which of them do is decided by rounding in the
blocks below, and such a token lights up thousands of atoms. A sequence's largest n_active and
"n_active > 500" count these tokens. The median does not see them.

One of the two is the run's own, from its ledger. The other is computed here: the prefix of the
model in float32, or in float32 with weights and activations rounded to bfloat16
(`semdim.activations.rounding`), which is what bfloat16 is where a processor lacks it. The
autoencoder computes in float32 in both.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int

from semdim.activations.norms import OUTLIER_RATIO
from semdim.artifacts.shards import write_atomically
from semdim.errors import DataError
from semdim.results.cells import csv_text
from semdim.results.schema import check_columns
from semdim.tokens.positions import counted_mask

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import torch

    from semdim.codes.encode import Encoder
    from semdim.forward.split import SplitModel

DTYPES = ("float32", "bfloat16")
READ = ("sequence", "position", "token_id", "is_bos", "n_active", "activation_norm")
"""Columns of the ledger that this needs."""
QUANTILES = {"change_q50": 0.5, "change_q95": 0.95, "change_q99": 0.99}
ROUNDING_COLUMNS = (
    "corpus", "run_dtype", "n_tokens", "n_sequences", "threshold", "equal", *QUANTILES,
    "change_max", "sequence_median_change", "sequence_max_change",
    *(f"{name}_{dtype}" for name in ("mean", "median", "max", "above", "massive")
      for dtype in DTYPES),
)  # fmt: skip


@dataclass(frozen=True)
class Counted:
    """n_active and lengths of activations in one arithmetic."""

    n_active: Int[np.ndarray, "sequences context"]
    """Active atoms."""
    norm: Float[np.ndarray, "sequences context"]
    """‖h‖."""


@dataclass(frozen=True)
class FirstTokens:
    """The first sequences of a corpus, as its ledger has them."""

    token_ids: Int[np.ndarray, "sequences context"]
    counted: Counted
    """In the run's arithmetic."""
    is_counted: Bool[np.ndarray, "sequences context"]
    """Neither position 0 nor BOS."""

    @classmethod
    def of(cls, ledger: "pd.DataFrame", context: int, n_tokens: int) -> "FirstTokens":
        """The whole sequences that hold the first ``n_tokens`` tokens, or all that there are.

        Raises:
            DataError: the rows are no whole sequences.
        """
        if len(ledger) % context:
            raise DataError(
                f"A ledger of {len(ledger)} rows holds no whole sequences of {context} tokens; "
                "recompute it with `dvc repro --force`."
            )
        kept = min(-(-n_tokens // context) * context, len(ledger))
        rows = ledger.sort_values(["sequence", "position"]).iloc[:kept]

        def column(name: str) -> np.ndarray:
            return rows[name].to_numpy().reshape(-1, context)

        return cls(
            column("token_id"),
            Counted(column("n_active"), column("activation_norm")),
            counted_mask(column("is_bos"), column("position")),
        )


def count_active(
    split: "SplitModel", sae: "Encoder", token_ids: "torch.Tensor", batch_sequences: int
) -> Counted:
    """n_active and ‖h‖ of token ids [sequences, context], a batch at a time."""
    from semdim.codes.encode import encode_rows

    n_active, norm = [], []
    for part in token_ids.split(batch_sequences):
        activation = split.prefix(part)
        codes = encode_rows(sae, activation.flatten(0, 1), part.numel())
        n_active.append(codes.n_active.view(part.shape).cpu().numpy())
        norm.append(activation.float().norm(dim=-1).cpu().numpy())
    return Counted(np.concatenate(n_active), np.concatenate(norm))


def rounding_row(
    found: Mapping[str, Counted],
    is_counted: Bool[np.ndarray, "sequences context"],
    threshold: int,
) -> dict[str, int | float]:
    """What the two dtypes say of the same tokens (`ROUNDING_COLUMNS` from ``n_tokens`` on).

    Args:
        found: by dtype (`DTYPES`), on the same tokens.
        is_counted: the tokens that count.
        threshold: the paper's rule: an alarm when n_active exceeds it.

    Raises:
        DataError: a sequence has no token that counts.
    """
    if not is_counted.any(axis=1).all():
        raise DataError("A sequence has only special positions; there is no k to compare.")
    ours, others = (np.ma.array(found[dtype].n_active, mask=~is_counted) for dtype in DTYPES)
    both = [found[dtype].n_active[is_counted].astype(np.int64) for dtype in DTYPES]
    change = np.abs(both[0] - both[1])
    row: dict[str, int | float] = {
        "n_tokens": int(is_counted.sum()),
        "n_sequences": len(is_counted),
        "threshold": threshold,
        "equal": float((change == 0).mean()),
        **{
            name: float(np.quantile(change, share, method="inverted_cdf"))
            for name, share in QUANTILES.items()
        },
        "change_max": int(change.max()),
        "sequence_median_change": float(
            np.abs(np.ma.median(ours, axis=1) - np.ma.median(others, axis=1)).mean()
        ),
        "sequence_max_change": float(
            np.abs(ours.max(axis=1).astype(float) - others.max(axis=1).astype(float)).mean()
        ),
    }
    limit = OUTLIER_RATIO * float(np.median(found[DTYPES[0]].norm[is_counted]))
    for dtype, k in zip(DTYPES, (ours, others), strict=True):
        row |= {
            f"mean_{dtype}": float(k.mean()),
            f"median_{dtype}": float(np.ma.median(k)),
            f"max_{dtype}": int(k.max()),
            f"above_{dtype}": float((k.max(axis=1) > threshold).mean()),
            f"massive_{dtype}": int((found[dtype].norm[is_counted] > limit).sum()),
        }
    return row


def rounding_rows(
    first: "Iterable[tuple[str, FirstTokens]]",
    run_dtype: str,
    split: "SplitModel",
    sae: "Encoder",
    *,
    batch_sequences: int,
    threshold: int,
) -> Iterator[dict[str, Any]]:
    """A row of rounding.csv for each corpus.

    Args:
        first: the first tokens of each corpus, with its name.
        run_dtype: the arithmetic of their ledgers, one of `DTYPES`.
        split: the model in float32; where the run is in float32 it is made to round from now on,
            and must not have run before.
        sae: the autoencoder in float32.
        batch_sequences: sequences in one forward pass.
        threshold: as in `rounding_row`.
    """
    import torch

    from semdim.activations.rounding import round_from_now_on

    other = next(dtype for dtype in DTYPES if dtype != run_dtype)
    if other == "bfloat16":
        round_from_now_on(split.model)
    for corpus, tokens in first:
        token_ids = torch.from_numpy(tokens.token_ids.astype(np.int64))
        again = count_active(split, sae, token_ids, batch_sequences)
        found = {run_dtype: tokens.counted, other: again}
        row = rounding_row(found, tokens.is_counted, threshold)
        yield {"corpus": corpus, "run_dtype": run_dtype, **row}


def write_rounding(folder: "Path", rows: "Iterable[dict[str, Any]]") -> "pd.DataFrame":
    """Write rounding.csv, with its heading alone where nothing was measured, and return it."""
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=pd.Index(ROUNDING_COLUMNS))
    check_columns("rounding", table)
    write_atomically(folder / "rounding.csv", csv_text(table, "%.6g"))
    return table
