"""From a ledger's rows, a loss per token, to a table with a value per sequence.

The rows are read a stretch of whole sequences at a time (`semdim.ledger.rows`), so that what is in
memory is the table, and not the ledger.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from semdim.bounds.martingale import RunningSpread
from semdim.bounds.quantities import loss_ceiling, loss_floor, smoothed_loss
from semdim.bounds.sequence_table import SequenceTable, UnitLosses, group_mean, in_order
from semdim.bounds.validation import check_values
from semdim.errors import DataError
from semdim.ledger.rows import EXACT_ROWS, Rows, RowStream, stretches

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SequenceTable", "UnitLosses", "group_mean", "in_order", "sequence_losses"]

LOSS_PREFIX = "nll_"
"""Of the ledger's columns of losses; the proxy's name follows."""


def sequence_losses(
    ledger: Rows,
    proxies: Sequence[str],
    smoothing: float,
    vocab_size: int,
    *,
    keep_tokens: bool | Collection[str] = False,
) -> SequenceTable:
    """Mean smoothed loss per sequence and proxy from a ledger of S·T rows (T = context).

    Reads the columns document, sequence, position, nll_<proxy>, and n_active with is_bos where
    they exist. A million rows take a fraction of a second. `keep_tokens` names the proxies whose
    losses are kept token by token too (True: all), as long as there are at most `EXACT_ROWS` rows;
    beyond that what families read of single tokens is kept in sums per sequence
    (`SequenceTable.token_gaps`, `SequenceTable.spread`), and all losses only for True.

    Raises DataError when a column is missing, rows are not S whole sequences in order, a sequence
    crosses documents, or a loss is missing anywhere but at the last position of a sequence.
    """
    needed = ["document", "sequence", "position", *(LOSS_PREFIX + name for name in proxies)]
    missing = [name for name in needed if name not in ledger.columns]
    if missing:
        there = ", ".join(name for name in ledger.columns if name.startswith(LOSS_PREFIX))
        raise DataError(f"The ledger lacks {', '.join(missing)}; its losses are {there or 'none'}.")
    kept = tuple(proxies if keep_tokens is True else keep_tokens or ())
    found = _Sequences(proxies, smoothing, vocab_size, kept)
    found.keeps_losses = keep_tokens is True or len(ledger) <= EXACT_ROWS
    optional = [n for n in ("n_active", "is_bos", "token_id") if n in ledger.columns]
    context = ledger.context if isinstance(ledger, RowStream) else None
    for rows in stretches(ledger, [*needed, *optional]):
        context = _check_layout(rows, context)
        found.add(rows, context)
    return found.table(context)


class _Sequences:
    """What `sequence_losses` collects, stretch by stretch."""

    def __init__(
        self, proxies: Sequence[str], smoothing: float, vocab_size: int, kept: Collection[str]
    ) -> None:
        self.keeps_losses = True
        self._proxies, self._kept = proxies, kept
        self._smoothing, self._vocab_size = smoothing, vocab_size
        self._range = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
        self._spread = RunningSpread(*self._range)
        self._columns: dict[tuple[str, str], list[np.ndarray]] = {}

    def add(self, rows: "pd.DataFrame", context: int) -> None:
        """The next stretch."""
        shape = (-1, context)
        for name in ("document", "sequence"):
            self._put("key", name, rows[name].to_numpy().reshape(shape)[:, 0].copy())
        if "token_id" in rows.columns:
            self._put("key", "token_id", rows["token_id"].to_numpy()[::context].copy())
        own = self._smoothed(rows, "model", shape) if "model" in self._kept else None
        for name in self._proxies:
            is_own = name == "model" and own is not None
            smoothed = self._smoothed(rows, name, shape) if own is None or not is_own else own
            self._put("loss", name, smoothed.mean(axis=1))
            if name not in self._kept:
                continue
            if self.keeps_losses:
                self._put("token", name, smoothed)
            elif is_own:
                self._put("key", "spread", self._spread.add(smoothed))
            if own is not None and not is_own:
                self._put("gap", name, np.abs(own - smoothed).mean(axis=1))
        if "n_active" in rows.columns:
            self._add_n_active(rows, shape)

    def _smoothed(self, rows: "pd.DataFrame", name: str, shape: tuple[int, int]) -> np.ndarray:
        raw = rows[LOSS_PREFIX + name].to_numpy(dtype=np.float64, na_value=np.nan).reshape(shape)
        if not np.isnan(raw[:, -1]).all():
            raise DataError(f"nll_{name} has a loss at the last position, which predicts nothing.")
        return smoothed_loss(raw[:, :-1], self._smoothing, self._vocab_size)

    def _add_n_active(self, rows: "pd.DataFrame", shape: tuple[int, int]) -> None:
        k = rows["n_active"].to_numpy(dtype=np.float64).reshape(shape)
        kept = _without_bos(rows, shape)
        self._put("sum", "all", k.sum(axis=1))
        self._put("sum", "without_bos", (k * kept).sum(axis=1))
        self._put("count", "all", np.full(len(k), float(k.shape[1])))
        self._put("count", "without_bos", kept.sum(axis=1).astype(np.float64))
        self._put("key", "median", np.nanmedian(np.where(kept, k, np.nan), axis=1))

    def _put(self, kind: str, name: str, values: np.ndarray) -> None:
        self._columns.setdefault((kind, name), []).append(values)

    def _all(self, kind: str) -> dict[str, np.ndarray]:
        """The columns of a kind, each whole; they are taken out."""
        names = [name for of, name in self._columns if of == kind]
        return {name: _together(self._columns.pop((kind, name))) for name in names}

    def table(self, context: int | None) -> SequenceTable:
        """Everything that was added."""
        keys = self._all("key")
        if context is None or "document" not in keys:
            raise DataError("The ledger has no rows.")
        sequence, first = keys["sequence"], keys.get("token_id")
        if len(np.unique(sequence)) != len(sequence):
            raise DataError(
                "The ledger's rows of a sequence are not contiguous; sort it by sequence and "
                "position."
            )
        losses = self._all("loss")
        for name, values in losses.items():
            check_values(values, *self._range, f"nll_{name}, smoothed,")
        table = SequenceTable(
            context=context,
            vocab_size=self._vocab_size,
            smoothing=self._smoothing,
            document=keys["document"],
            losses=losses,
            n_active_sum=self._all("sum"),
            n_active_count=self._all("count"),
            token_losses=self._all("token"),
            # The column is_bos marks position 0 whatever stands there; one token at all is BOS.
            has_bos=first is not None and len(first) > 1 and bool((first == first[0]).all()),
            token_gaps=self._all("gap"),
            spread=keys.get("spread"),
        )
        return replace(table, n_active_median=keys.get("median"))


def _together(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _check_layout(ledger: "pd.DataFrame", context: int | None) -> int:
    """T, of the rows or as it is known; refuses rows that are not whole sequences in order."""
    position = ledger["position"].to_numpy()
    if len(position) == 0:
        raise DataError("The ledger has no rows.")
    context = int(position.max()) + 1 if context is None else context
    is_whole = len(position) % context == 0 and context >= 2
    if not is_whole or not (position.reshape(-1, context) == np.arange(context)).all():
        raise DataError(
            f"The ledger's rows are not whole sequences of {context} positions in order; sort it "
            "by sequence and position."
        )
    sequence = ledger["sequence"].to_numpy().reshape(-1, context)
    document = ledger["document"].to_numpy().reshape(-1, context)
    if (sequence != sequence[:, :1]).any():
        raise DataError(
            "The ledger's rows of a sequence are not contiguous; sort it by sequence and position."
        )
    if (document != document[:, :1]).any():
        raise DataError("A sequence of the ledger crosses documents, so it cannot be a unit.")
    return context


def _without_bos(ledger: "pd.DataFrame", shape: tuple[int, int]) -> np.ndarray:
    if "is_bos" in ledger.columns:
        return ~ledger["is_bos"].to_numpy(dtype=bool).reshape(shape)
    return np.asarray(ledger["position"].to_numpy().reshape(shape) > 0)
