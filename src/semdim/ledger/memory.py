"""A ledger in hand: its rows and its facts, from a file or from `semdim.measure`."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from semdim.ledger.facts import LedgerFacts
from semdim.ledger.table import read_arrow, with_facts, write_ledger

if TYPE_CHECKING:
    import pandas as pd


class Ledger:
    """A row per token, and the facts that hold for all of them.

    Args:
        table: the rows, with the columns of `semdim.ledger.table.COLUMNS` and ``nll_<proxy>``.
        facts: about them.
    """

    def __init__(self, table: pa.Table, facts: LedgerFacts) -> None:
        self.table = table
        self.facts = facts

    @cached_property
    def rows(self) -> "pd.DataFrame":
        """The rows as a data frame, made when it is first asked for."""
        return self.table.to_pandas()

    def __repr__(self) -> str:
        facts = self.facts
        return (
            f"Ledger({facts.n_tokens} tokens of {facts.corpus!r}, {facts.model} with "
            f"{facts.sae}, losses of {', '.join(facts.proxies)})"
        )

    @classmethod
    def read(cls, path: Path | str, further: Path | str | None = None) -> "Ledger":
        """Read a ledger, with the further columns of the same rows where they are asked for.

        Raises:
            ArtifactError: a file is missing or damaged, or the two are not of the same rows.
        """
        return cls(*read_arrow(Path(path), further=None if further is None else Path(further)))

    def write(self, path: Path | str) -> None:
        """Write the ledger to one Parquet file, whole or not at all."""
        write_ledger(with_facts(self.table, self.facts), Path(path))
