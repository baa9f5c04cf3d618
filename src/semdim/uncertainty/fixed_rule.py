"""The paper's fixed guardrail, "k > 500" (section 4.2), and what its Table 1 allows it to do."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from semdim.errors import DataError
from semdim.uncertainty.conformal import document_rates
from semdim.uncertainty.rows import scored_rows


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


def fixed_rule(
    tokens: Mapping[str, pd.DataFrame], roles: Mapping[str, str], threshold: int
) -> dict[str, Any]:
    """Rates of ``n_active > threshold`` per corpus, with and without position 0.

    ``token_rate`` counts tokens and stands beside ``token_rate_bound`` (Cantelli, from the mean and
    standard deviation of the same tokens). ``sequence_rate`` is the chance that a random sequence
    of a random document has any such token: the rule's false-alarm rate on the ID corpus, elsewhere
    its detection rate. ``n_outliers_above`` of the ``n_above`` tokens have an activation
    over ten times as long as usual: they tell of the model's attention sinks, not of the text.
    """
    rows: list[dict[str, Any]] = []
    for corpus, table in tokens.items():
        for positions, chosen in (("all", table), ("without_bos", scored_rows(table))):
            n_active = chosen["n_active"].to_numpy(dtype=np.float64)
            above = n_active > threshold
            any_above = pd.Series(above).groupby(chosen["sequence"].to_numpy()).any()
            document = chosen.groupby("sequence")["document"].first()
            rows.append(
                {
                    "corpus": corpus,
                    "role": roles[corpus],
                    "positions": positions,
                    "n_tokens": len(chosen),
                    "n_above": int(above.sum()),
                    "n_outliers_above": int((above & chosen["is_outlier"].to_numpy(bool)).sum()),
                    "token_rate": float(above.mean()),
                    "token_rate_bound": cantelli(n_active.mean(), n_active.std(), threshold),
                    "n_sequences": len(any_above),
                    "sequence_rate": float(
                        document_rates(
                            any_above.to_numpy(dtype=np.float64), document.to_numpy()
                        ).mean()
                    ),
                }
            )
    return {"rule": f"n_active > {threshold}", "threshold": threshold, "corpora": rows}
