"""What every family takes from a table: its units, its calibration split, what it assumes."""

from typing import Any

import numpy as np

from semdim.bounds.aggregate import SequenceTable, UnitLosses
from semdim.bounds.calibration import calibration_documents
from semdim.bounds.concentration import Method
from semdim.bounds.family import BoundFacts
from semdim.bounds.result import SampleSize, Unit
from semdim.bounds.shares import PointShare
from semdim.bounds.spec import BoundSpec
from semdim.errors import DataError
from semdim.ledger.rows import EXACT_ROWS
from semdim.text.independence import Independence

WINDOWS_LEFT_OPEN = (
    "that the first {} windows of a document count would have been settled without the sample "
    "(bound.windows_per_document is null: it is the number of complete rounds, which the "
    "documents' lengths decide and their losses do not)"
)
"""What a certificate assumes when the settings do not fix W."""

FROZEN = "the model and the autoencoder were frozen before the sample was drawn, without seeing it"
BY_DATE = (
    "the sample is independent of the model by date: the model was frozen on {} and the oldest "
    "document first published on {}, by the dates that are given; the autoencoder was frozen "
    "before the sample was drawn, without seeing it"
)
APART = " (documents that share half of their runs of eight words with training text of {} are out)"


def common(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> dict[str, Any]:
    """The arguments that every family's function has."""
    return {
        "vocab_size": facts.vocab_size,
        "smoothing": table.smoothing,
        "failure_prob": spec.failure_prob,
    }


def for_method(table: SequenceTable, spec: BoundSpec, method: str) -> tuple[UnitLosses, PointShare]:
    """The units for a method, and the part of δ that it may spend here: a sequence valid at every N
    pays for α alone. A document's value does not change with N (`semdim.bounds.windows`), so the
    units of a small N are the first of those of a larger one, and every method is about one and
    the same mean."""
    shares = spec.shares
    share = shares.at_all_n if method == "betting_sequence" else shares.here
    return table.by_unit(spec.unit), share


def tokens_of(table: SequenceTable, proxy: str) -> np.ndarray:
    """Smoothed loss of every prediction, [S, context − 1].

    Raises:
        DataError: the table was made without them, or from more rows than they are kept of.
    """
    if proxy not in table.token_losses:
        raise DataError(
            f"The token losses of {proxy} are missing; read the ledger with keep_tokens, and at "
            f"most {EXACT_ROWS} rows of it."
        )
    return table.token_losses[proxy]


def token_gaps_of(table: SequenceTable, proxy: str) -> np.ndarray:
    """Mean over a sequence's predictions of |loss of the model − loss of the proxy|, bits, [S].

    Raises:
        DataError: the table was made without what happens to single tokens.
    """
    if proxy in table.token_gaps:
        return table.token_gaps[proxy]
    return np.asarray(np.abs(tokens_of(table, "model") - tokens_of(table, proxy)).mean(axis=1))


def at_one_n(method: Method) -> Method:
    """The method for values that change as the sample grows, which no sequence can be valid for."""
    return "betting" if method == "betting_sequence" else method


def split(table: SequenceTable, spec: BoundSpec) -> tuple[SequenceTable, np.ndarray]:
    """The table without its calibration documents, and those documents' labels.

    Raises:
        DataError: there are too few documents for both.
    """
    chosen = calibration_documents(table.document, spec.calibration_fraction, spec.seed)
    return table.take(~np.isin(table.document, chosen)), chosen


def unit_assumptions(unit: Unit) -> tuple[str, ...]:
    """The assumptions that every certificate makes about its sample, in words."""
    return (
        f"the {unit}s are independent draws from one law, how many they are does not depend on "
        "what they hold, and the risk is that law's",
        FROZEN,
    )


def with_what_is_known(
    assumptions: tuple[str, ...], independence: Independence | None
) -> tuple[str, ...]:
    """Assumptions in which what is known of the sample takes the place of what had to be assumed.

    A sample whose documents are all younger than the model is independent of the model by date, if
    the dates are true; of the autoencoder it is only known whose training text it shares nothing
    with.
    """
    if independence is None:
        return assumptions
    words = FROZEN
    if independence.is_by_date:
        words = BY_DATE.format(independence.frozen_at, independence.first_published)
    if independence.apart_from:
        words += APART.format(" and ".join(independence.apart_from))
    return tuple(words if text == FROZEN else text for text in assumptions)


def check_units(values: np.ndarray, size: SampleSize, name: str) -> None:
    """Refuse a vector whose length is not the number of units with DataError."""
    if len(values) != size.n_units:
        raise DataError(
            f"{name} holds {len(values)} values for {size.n_units} {size.unit}s; give one for each."
        )
