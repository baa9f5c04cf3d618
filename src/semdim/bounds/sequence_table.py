"""From losses per token to losses per independent unit, the unit named.

A unit is a document (the mean over its sequences in the table), a sequence, or a token. Which
sequences of a document a table holds is settled beforehand (`semdim.bounds.sample`). The gap
belongs to a sequence: mean loss of the model minus mean loss of the proxy over its predictions,
then the absolute value, then the mean over the document's sequences. With the unit token it is
taken per token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from semdim.bounds.result import SampleSize, Unit
from semdim.bounds.windows import Windows, complete_rounds, rounds
from semdim.errors import DataError


@dataclass(frozen=True)
class UnitLosses:
    """One value per unit, in order of first appearance; every array has shape [size.n_units]."""

    size: SampleSize
    losses: Mapping[str, np.ndarray]
    """Smoothed loss by proxy, bits."""
    abs_gaps: Mapping[str, np.ndarray]
    """|loss of the model − loss of the proxy| by proxy (all but `model`), bits."""
    n_active: np.ndarray | None
    """Mean k of the unit, position 0 left out; None when the ledger has no codes."""
    document: np.ndarray
    """Document of each unit."""


@dataclass(frozen=True)
class SequenceTable:
    """One value per sequence, in the order of the sample; every array has S entries."""

    context: int
    """Tokens of a sequence, BOS included; each has context − 1 predictions."""
    vocab_size: int
    smoothing: float
    document: np.ndarray
    """int [S]."""
    losses: Mapping[str, np.ndarray]
    """Mean smoothed loss over a sequence's predictions, by proxy, bits, [S]."""
    n_active_sum: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Sum of k over a sequence's positions, by `without_bos` and `all`, [S]."""
    n_active_count: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Number of those positions, [S]."""
    max_rank: np.ndarray | None = None
    """Largest rank (0-based) in the atom order of any atom that a sequence uses, −1 for none, [S]:
    what the pool families need (`semdim.bounds.calibration`)."""
    token_losses: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Smoothed loss of every prediction, [S, context − 1], of the proxies that were asked for."""
    has_bos: bool = False
    """Whether every sequence starts with BOS."""
    windows: Windows | None = None
    """Which windows of a document the table holds, when that was settled; None: as they come."""
    n_tokens_asked: int | None = None
    """N of the grid, in whole sequences, when the table is a part that was asked for."""
    n_active_median: np.ndarray | None = None
    """Median k of a sequence, BOS left out, [S]; None when the ledger has no codes."""
    token_gaps: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Mean over a sequence's predictions of |loss of the model − loss of the proxy|, bits, [S], of
    the proxies whose losses were asked for token by token."""
    spread: np.ndarray | None = None
    """Σ (y − ŷ)² of the model over a sequence's predictions (`semdim.bounds.martingale`), [S], of
    all sequences from the sample's first on; None where the losses themselves are kept."""

    @property
    def n_sequences(self) -> int:
        return len(self.document)

    @property
    def proxies(self) -> tuple[str, ...]:
        return tuple(self.losses)

    def first(self, n_tokens: int) -> "SequenceTable":
        """The first ⌊n_tokens/context⌋ whole sequences.

        Raises DataError when the sample has fewer, or when n_tokens does not fill one sequence.
        """
        n_sequences = int(n_tokens) // self.context
        if n_sequences < 1:
            raise DataError(
                f"n_tokens = {n_tokens} does not fill one sequence of {self.context} tokens."
            )
        if n_sequences > self.n_sequences:
            raise DataError(
                f"n_tokens = {n_tokens} was asked for, but the sample holds "
                f"{self.n_sequences * self.context} tokens ({self.n_sequences} sequences of "
                f"{self.context}); lower bound.n_tokens or raise the corpus' n_tokens."
            )
        return replace(self.take(slice(0, n_sequences)), n_tokens_asked=n_sequences * self.context)

    def take(self, rows: "slice | np.ndarray") -> "SequenceTable":
        """The sequences that `rows` (a slice, a mask, or indices) selects, in order."""

        def pick(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: values[rows] for name, values in arrays.items()}

        return replace(
            self,
            document=self.document[rows],
            losses=pick(self.losses),
            n_active_sum=pick(self.n_active_sum),
            n_active_count=pick(self.n_active_count),
            max_rank=None if self.max_rank is None else self.max_rank[rows],
            token_losses=pick(self.token_losses),
            n_active_median=None if self.n_active_median is None else self.n_active_median[rows],
            token_gaps=pick(self.token_gaps),
            # What is predicted depends on all that came before: only a beginning keeps it.
            spread=self.spread[rows]
            if self.spread is not None and isinstance(rows, slice) and not rows.start
            else None,
        )

    def with_max_rank(self, max_rank: np.ndarray) -> "SequenceTable":
        """The table with the largest atom rank per sequence, [S]; DataError on a mismatch."""
        if max_rank.shape != self.document.shape:
            raise DataError(
                f"max_rank has shape {max_rank.shape} for {self.n_sequences} sequences."
            )
        return replace(self, max_rank=max_rank)

    def mean_n_active(self, positions: Literal["without_bos", "all"] = "without_bos") -> float:
        """Mean k over all tokens of the table."""
        if positions not in self.n_active_sum:
            raise DataError("The ledger has no column n_active, so there is no mean k.")
        total = float(self.n_active_sum[positions].sum())
        return total / float(self.n_active_count[positions].sum())

    def by_unit(self, unit: Unit) -> UnitLosses:
        """Losses, |gaps| and mean k, one value per unit.

        Raises:
            DataError: the table has no sequence, or (unit token) no losses per token.
        """
        if not self.n_sequences:
            raise DataError("The sample has no sequence.")
        documents, owner = in_order(self.document)
        size = self._size(unit, len(documents))
        if unit == "token":
            return self._by_token(size)
        gaps = {
            name: np.abs(self.losses["model"] - values)
            for name, values in self.losses.items()
            if name != "model" and "model" in self.losses
        }
        n_active = None
        if "without_bos" in self.n_active_sum:
            n_active = self.n_active_sum["without_bos"] / self.n_active_count["without_bos"]
        if unit == "sequence":
            return UnitLosses(size, self.losses, gaps, n_active, self.document)
        return UnitLosses(
            size,
            {name: group_mean(values, owner) for name, values in self.losses.items()},
            {name: group_mean(values, owner) for name, values in gaps.items()},
            None if n_active is None else group_mean(n_active, owner),
            documents,
        )

    def _size(self, unit: Unit, n_documents: int) -> SampleSize:
        as_they_come = Windows(self.context, self.has_bos)
        return SampleSize(
            n_tokens=self.n_sequences * self.context,
            n_sequences=self.n_sequences,
            n_documents=n_documents,
            unit=unit,
            n_predictions=self.n_sequences * (self.context - 1),
            n_tokens_asked=self.n_tokens_asked,
            windows=self.windows or as_they_come,
            is_partial=self.windows is None
            and complete_rounds(self.document) <= int(rounds(self.document).max()),
        )

    def typical_n_active(self, statistic: Literal["median", "mean"], unit: Unit) -> np.ndarray:
        """The median or mean k of each sequence, BOS left out, and of a document the mean of that
        over its sequences; one value per document or sequence. DataError without codes."""
        if statistic == "median" and self.n_active_median is not None:
            return self.mean_per_unit(self.n_active_median, unit)
        if statistic == "median" or "without_bos" not in self.n_active_sum:
            raise DataError("The ledger has no column n_active, so there is no k of a unit.")
        means = self.n_active_sum["without_bos"] / self.n_active_count["without_bos"]
        return self.mean_per_unit(means, unit)

    def mean_per_unit(self, values: np.ndarray, unit: Unit) -> np.ndarray:
        """A value per sequence [S] as one per document or sequence."""
        if unit == "token":
            raise DataError("A value per sequence has no meaning per token.")
        if unit == "sequence":
            return values
        return group_mean(values, in_order(self.document)[1])

    def _by_token(self, size: SampleSize) -> UnitLosses:
        if set(self.token_losses) != set(self.losses):
            raise DataError("The unit 'token' needs losses per token; read with keep_tokens=True.")
        flat = {name: values.reshape(-1) for name, values in self.token_losses.items()}
        gaps = {
            name: np.abs(flat["model"] - values)
            for name, values in flat.items()
            if name != "model" and "model" in flat
        }
        return UnitLosses(size, flat, gaps, None, np.repeat(self.document, self.context - 1))


def group_mean(values: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Mean of `values` [n] by group number `owner` [n] (0 … G−1, none empty), shape [G]."""
    return np.bincount(owner, weights=values) / np.bincount(owner)


def in_order(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct labels in order of first appearance, and each entry's index among them."""
    distinct, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return distinct[order], place[inverse]
