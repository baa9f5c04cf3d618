"""What the alarm looks at: level statistics of n_active, after so many tokens of a sequence.

A *look* is a place at which a sequence is judged: after 16 tokens, say, and at its end. A *rule* is
a statistic at a look. Looks let the alarm come before a sequence is full, and give a short text a
verdict: a text that ends early is looked at less often than its continuation would be.

The unit is the **document**: its value under a rule is the largest over its first sequences, as
many as the in-distribution sample takes of a document. Position 0 and BOS tokens never count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from semdim.errors import ConfigError
from semdim.ledger.rows import Rows, stretches
from semdim.tokens.positions import counted_mask
from semdim.uncertainty.level import LEVEL_STATISTICS, MOVING, Statistic

Matrix = Float[np.ndarray, "sequences positions"]
Mask = Bool[np.ndarray, "sequences positions"]


@dataclass(frozen=True)
class Rule:
    """A statistic of a sequence at a look."""

    statistic: str
    """Name of a level statistic, or ``moving_mean``."""
    n_tokens: int
    """Positions seen since position 0, which is not among them."""


def statistic_names() -> tuple[str, ...]:
    """Every statistic that a rule may use."""
    return (*LEVEL_STATISTICS.names(), MOVING)


def statistic(name: str, moving_length: int) -> Statistic:
    """A statistic by its name: values and mask [S, P] to one value per sequence.

    A sequence in which nothing counts has the value 0, below every threshold.
    Raises ``ConfigError`` for an unknown name.
    """
    if name == MOVING:
        return lambda values, mask: largest_moving_mean(values, mask, moving_length)
    if name not in LEVEL_STATISTICS.names():
        known = ", ".join(statistic_names())
        raise ConfigError(
            f"There is no statistic {name!r} for the guardrail: choose one of {known}."
        )
    level = LEVEL_STATISTICS[name].statistic

    def of_any(values: Matrix, mask: Mask) -> Float[np.ndarray, " sequences"]:
        found = np.zeros(len(values))
        some = mask.any(axis=1)
        if some.any():
            found[some] = level(values[some], mask[some])
        return found

    return of_any


def largest_moving_mean(values: Matrix, mask: Mask, length: int) -> Float[np.ndarray, " sequences"]:
    """The largest mean over ``length`` consecutive positions that count; 0 before there are so
    many."""
    found = np.zeros(len(values))
    for row, (sequence, counts) in enumerate(zip(values, mask, strict=True)):
        total = np.concatenate([[0.0], np.cumsum(sequence[counts])])
        if len(total) > length:
            found[row] = (total[length:] - total[:-length]).max() / length
    return found


def looks_of(looks: Sequence[int], n_positions: int) -> tuple[int, ...]:
    """The looks at a sequence of ``n_positions`` after position 0: those within it, and its end."""
    return (*sorted({look for look in looks if look < n_positions}), n_positions)


def rules_of(statistics: Sequence[str], looks: Sequence[int]) -> tuple[Rule, ...]:
    """Every statistic at every look."""
    return tuple(Rule(name, look) for name in statistics for look in looks)


@dataclass(frozen=True)
class DocumentLevels:
    """What the rules see of each document of a corpus."""

    document: Int[np.ndarray, " documents"]
    """Numbers of the documents, ascending."""
    n_sequences: Int[np.ndarray, " documents"]
    """Sequences of each that were looked at."""
    values: Float[np.ndarray, "documents rules"]
    """The largest value of each rule over those sequences (active atoms)."""

    def of(self, chosen: Bool[np.ndarray, " documents"]) -> "DocumentLevels":
        """Some of the documents."""
        return DocumentLevels(self.document[chosen], self.n_sequences[chosen], self.values[chosen])

    def of_documents(self, documents: Int[np.ndarray, " some"]) -> "DocumentLevels":
        """The documents with these numbers."""
        return self.of(np.isin(self.document, documents))

    def under(self, columns: Sequence[int]) -> "DocumentLevels":
        """The same documents under some of the rules."""
        return DocumentLevels(self.document, self.n_sequences, self.values[:, list(columns)])


def sequence_matrix(tokens: pd.DataFrame) -> tuple[Matrix, Mask, Int[np.ndarray, " sequences"]]:
    """n_active after position 0, which positions count, and the document of each sequence.

    ``tokens`` is ordered by sequence and position (``rows.check_tokens``). Sequences that are
    shorter than the longest are filled up with positions that do not count.
    """
    position = tokens["position"].to_numpy()
    _, row = np.unique(tokens["sequence"].to_numpy(), return_inverse=True)
    shape = (int(row.max()) + 1, int(position.max()) + 1)
    values, mask = np.zeros(shape), np.zeros(shape, dtype=bool)
    values[row, position] = tokens["n_active"].to_numpy()
    mask[row, position] = counted_mask(tokens["is_bos"].to_numpy(dtype=bool), position)
    document = np.zeros(shape[0], dtype=np.int64)
    document[row] = tokens["document"].to_numpy()
    return values[:, 1:], mask[:, 1:], document


_COLUMNS = ("document", "sequence", "position", "is_bos", "n_active")


def sequence_values(
    tokens: Rows, rule: Rule, moving_length: int
) -> Float[np.ndarray, " sequences"]:
    """The value of each sequence under a rule."""
    return _under_rules(tokens, [rule], moving_length)[0][:, 0]


def sequence_documents(tokens: Rows) -> Int[np.ndarray, " sequences"]:
    """The document of each sequence."""
    found = []
    for rows in stretches(tokens, ("document", "sequence")):
        _, first = np.unique(rows["sequence"].to_numpy(), return_index=True)
        found.append(rows["document"].to_numpy(dtype=np.int64)[first])
    return np.concatenate(found)


def document_levels(
    tokens: Rows, rules: Sequence[Rule], moving_length: int, at_most: int | None = None
) -> DocumentLevels:
    """Each document's largest values over its first ``at_most`` sequences (None: over all)."""
    values, document = _under_rules(tokens, rules, moving_length)
    if at_most is not None:
        kept = pd.Series(document).groupby(document).cumcount().to_numpy() < at_most
        values, document = values[kept], document[kept]
    distinct, row, n_sequences = np.unique(document, return_inverse=True, return_counts=True)
    largest = np.zeros((len(distinct), len(rules)))
    for column in range(len(rules)):
        np.maximum.at(largest[:, column], row, values[:, column])
    return DocumentLevels(distinct, n_sequences, largest)


def _under_rules(
    tokens: Rows, rules: Sequence[Rule], moving_length: int
) -> tuple[Float[np.ndarray, "sequences rules"], Int[np.ndarray, " sequences"]]:
    """The value of each sequence under each rule, and its document."""
    found, documents = [], []
    for rows in stretches(tokens, _COLUMNS):
        values, mask, document = sequence_matrix(rows)
        columns = [
            statistic(rule.statistic, moving_length)(
                values[:, : rule.n_tokens], mask[:, : rule.n_tokens]
            )
            for rule in rules
        ]
        found.append(np.column_stack(columns) if columns else np.zeros((len(values), 0)))
        documents.append(document)
    return np.concatenate(found), np.concatenate(documents)
