"""A ledger's columns as one value for each document: what every quantity is a mean of."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from semdim.bounds.aggregate import SequenceTable, group_mean, in_order, sequence_losses
from semdim.bounds.estimand import mean_over_text
from semdim.bounds.family import BoundFacts
from semdim.bounds.quantities import loss_ceiling, loss_floor
from semdim.bounds.result import SampleSize
from semdim.bounds.sample import Sample
from semdim.bounds.units import WINDOWS_LEFT_OPEN, unit_assumptions, with_what_is_known
from semdim.bounds.windows import rounds
from semdim.certificate.spec import CertificateSpec
from semdim.errors import DataError
from semdim.tokens.positions import counted_mask

if TYPE_CHECKING:
    import pandas as pd

LOSS_PREFIX, KL_PREFIX, AGREEMENT_PREFIX = "nll_", "kl_", "top1_agrees_"
PROXY = "sae"
"""The whole autoencoder."""


class Unavailable(DataError):
    """The ledger lacks what a quantity needs."""


@dataclass(frozen=True)
class Documents:
    """The first W windows of every document of a ledger."""

    rows: "pd.DataFrame"
    """Of the ledger."""
    facts: Any
    """Of the ledger."""
    spec: CertificateSpec
    """What is asked for."""
    table: SequenceTable
    """Losses of model and autoencoder of the windows that count."""
    is_counted: np.ndarray
    """Which sequences of the ledger count, bool [S]."""

    @classmethod
    def of(cls, rows: "pd.DataFrame", facts: Any, spec: CertificateSpec) -> "Documents":
        """From a ledger.

        Raises:
            DataError: rows that are not whole sequences, or fewer than two documents.
        """
        proxies = ["model", PROXY]
        table = sequence_losses(rows, proxies, spec.smoothing, facts.vocab_size)
        known = {"vocab_size": facts.vocab_size, "dict_size": facts.dict_size}
        bound_facts = BoundFacts.from_mapping(known | {"counts": getattr(facts, "counts", None)})
        is_uncut = bound_facts.n_sequences_uncut == table.n_sequences
        sample = Sample.of(table, spec.windows_per_document, is_uncut=is_uncut)
        if sample.n_documents < 2:
            raise DataError(
                "A certificate needs at least two documents, and this ledger has "
                f"{sample.n_documents}: give more texts, one document each."
            )
        windows = sample.documents.windows
        per_document = windows.per_document if windows is not None else None
        assert per_document is not None
        return cls(rows, facts, spec, sample.documents, rounds(table.document) < per_document)

    @cached_property
    def size(self) -> SampleSize:
        """How much counts."""
        return self.table.by_unit("document").size

    @property
    def n(self) -> int:
        """Documents."""
        return self.size.n_units

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What every certificate assumes of the sample."""
        known = getattr(self.facts, "independence", None)
        found = with_what_is_known(unit_assumptions("document"), known)
        windows = self.size.windows
        if windows is None or windows.is_set:
            return found
        return (*found, WINDOWS_LEFT_OPEN.format(windows.per_document))

    def words(self, quantity: str) -> str:
        """The mean of a quantity, in words."""
        return mean_over_text(quantity, self.size)

    @property
    def range(self) -> tuple[float, float]:
        """Least and largest smoothed loss, bits."""
        return (
            loss_floor(self.facts.vocab_size, self.spec.smoothing),
            loss_ceiling(self.facts.vocab_size, self.spec.smoothing),
        )

    def losses(self, proxy: str = PROXY) -> np.ndarray:
        """Mean smoothed loss of every document, bits.

        Raises:
            Unavailable: the ledger lacks it, or has it of a part alone.
        """
        self.column(LOSS_PREFIX + proxy)
        if proxy in self.table.losses:
            return self._by_document(self.table.losses[proxy])
        vocab_size, smoothing = self.facts.vocab_size, self.spec.smoothing
        found = sequence_losses(self.rows, [proxy], smoothing, vocab_size)
        return self._by_document(found.losses[proxy][self.is_counted])

    def abs_gaps(self) -> np.ndarray:
        """Mean over its windows of |change of a window's mean loss|, of every document."""
        return self.table.by_unit("document").abs_gaps[PROXY]

    def predictions(self, name: str) -> np.ndarray:
        """Mean of a column of predictions over every document.

        Raises:
            Unavailable: the ledger lacks it, or has it of a part alone.
        """
        return self._by_document(self.column(name)[:, :-1].mean(axis=1))

    def column(self, name: str) -> np.ndarray:
        """A column of the sequences that count, [S, T].

        Raises:
            Unavailable: the ledger lacks it, or has it of a part alone.
        """
        if name not in self.rows.columns:
            raise Unavailable(f"the ledger has no column {name}")
        values = self.rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
        shaped = values.reshape(-1, self.table.context)
        if np.isnan(shaped[:, :-1]).any():
            raise Unavailable(f"the ledger has {name} for only part of its sequences")
        return np.asarray(shaped[self.is_counted])

    def counted_means(
        self, columns: Mapping[str, np.ndarray], where: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Means over positions that are not special, of every document; windows count alike.

        Args:
            columns: arrays [S, T] of the sequences that count.
            where: positions to be left out, too, where False.
        """
        kept = self.is_inside if where is None else self.is_inside & where
        n_kept = kept.sum(axis=1)
        if (n_kept == 0).any():
            raise Unavailable("a window of the sample has no position that counts")
        return {
            name: self._by_document((values * kept).sum(axis=1) / n_kept)
            for name, values in columns.items()
        }

    @cached_property
    def is_inside(self) -> np.ndarray:
        """Positions that are not special, [S, T]."""
        position = self.rows["position"].to_numpy()
        inside = counted_mask(self.rows["is_bos"].to_numpy(dtype=bool), position)
        return np.asarray(inside.reshape(-1, self.table.context)[self.is_counted])

    def _by_document(self, values: np.ndarray) -> np.ndarray:
        return group_mean(values, in_order(self.table.document)[1])
