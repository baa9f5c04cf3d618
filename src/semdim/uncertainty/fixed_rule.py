"""The paper's fixed guardrail, "k > 500" (section 4.2), and what its Table 1 allows it to do."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import pandas as pd

from semdim.errors import DataError
from semdim.ledger.means import Counts
from semdim.ledger.rows import Rows, stretches
from semdim.tokens.positions import counted
from semdim.uncertainty.conformal import document_rates
from semdim.uncertainty.guardrail import FixedRule, FixedRuleRow, Positions, Role


def cantelli(mean: float | int, std: float | int, threshold: float | int) -> float:
    """Cantelli's bound on P(X ≥ threshold), hence on P(X > threshold): σ² / (σ² + (t − μ)²).

    It holds for every distribution with this mean and standard deviation; at or below the mean it
    says nothing (1). Raises ``DataError`` for a negative or non-finite standard deviation.
    """
    if not (np.isfinite(mean) and np.isfinite(std) and std >= 0):
        raise DataError(f"Cantelli's bound needs finite moments, std ≥ 0; got {mean} and {std}.")
    if threshold <= mean:
        return 1.0
    return float(std**2 / (std**2 + (threshold - mean) ** 2))


def fixed_rule(tokens: Mapping[str, Rows], roles: Mapping[str, str], threshold: int) -> FixedRule:
    """Rates of ``n_active > threshold`` per corpus, with and without position 0.

    ``token_rate`` counts tokens and stands beside ``token_rate_bound`` (Cantelli, from the mean and
    standard deviation of the same tokens). ``sequence_rate`` is the chance that a random sequence
    of a random document has any such token, ``document_rate`` that any of its sequences has:
    false-alarm rates on the ID corpus, elsewhere detection rates. ``n_outliers_above`` of the
    ``n_above`` tokens have an activation over ten times as long as usual: they tell of the model's
    attention sinks, not of the text.
    """
    rows = [
        _row(corpus, cast(Role, roles[corpus]), positions, table, threshold)
        for corpus, table in tokens.items()
        for positions in POSITIONS
    ]
    return FixedRule(f"n_active > {threshold}", threshold, tuple(rows))


POSITIONS: tuple[Positions, ...] = ("all", "without_bos")
_COLUMNS = ("document", "sequence", "position", "is_bos", "is_outlier", "n_active")


def _row(
    corpus: str, role: Role, positions: Positions, table: Rows, threshold: int
) -> FixedRuleRow:
    n_active, n_outliers_above = Counts(), 0
    any_above, document = [], []
    for rows in stretches(table, _COLUMNS):
        chosen = rows if positions == "all" else counted(rows)
        above = chosen["n_active"].to_numpy() > threshold
        n_active.add(chosen["n_active"].to_numpy(dtype=np.int64))
        n_outliers_above += int((above & chosen["is_outlier"].to_numpy(bool)).sum())
        found = pd.Series(above).groupby(chosen["sequence"].to_numpy()).any()
        any_above.append(found.to_numpy(dtype=np.float64))
        document.append(chosen.groupby("sequence")["document"].first().to_numpy())
    flagged = np.concatenate(any_above)
    rates = document_rates(flagged, np.concatenate(document))
    n_above = int(n_active.counts[threshold + 1 :].sum())
    return FixedRuleRow(
        corpus=corpus,
        role=role,
        positions=positions,
        n_tokens=len(n_active),
        n_above=n_above,
        n_outliers_above=n_outliers_above,
        token_rate=n_above / len(n_active),
        token_rate_bound=cantelli(n_active.mean(), n_active.std(), threshold),
        n_sequences=len(flagged),
        sequence_rate=float(rates.mean()),
        document_rate=float((rates > 0).mean()),
    )
