"""What the schema of the results is made of: a column, and a table as its columns."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "text", "flag"]


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    """Its heading. In angle brackets it stands for any number of columns of this meaning."""
    meaning: str
    """What a value is, without the unit."""
    unit: str = ""
    """Empty: a share, a name, or no unit."""
    kind: Kind = "number"
    """How it is read: empty text is "", an empty flag false, an empty number NaN."""
    is_required: bool = False
    """Whether the table cannot be read without it; the others are then empty throughout."""

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for any number of columns."""
        return self.name.startswith("<")


@dataclass(frozen=True)
class TableSchema:
    """One file."""

    name: str
    """File name without its ending."""
    stage: str
    """What writes it."""
    rows: str
    """What a row is."""
    columns: tuple[Column, ...]
    """In the order of the page; a file may have them in another."""

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        """Names of the columns of a kind."""
        return tuple(c.name for c in self.columns if c.kind == kind and not c.is_pattern)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns without which the table cannot be read."""
        return tuple(column.name for column in self.columns if column.is_required)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(column.name for column in self.columns if not column.is_pattern)
