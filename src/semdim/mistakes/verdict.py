"""From the table of scores to what it says of k."""

import math
from itertools import combinations

import numpy as np
import pandas as pd

from semdim.mistakes.evaluation import ORACLE, Evaluation
from semdim.mistakes.items import TOP1
from semdim.mistakes.variance import explained
from semdim.results.errors import Direction, KVerdict, VarianceShare

FACTORS = {"position": "position", "token": "token_id", "document": "document"}
"""Factors by name, with their columns of the ledger."""


def k_verdict(found: Evaluation, outcome: str) -> KVerdict:
    """What k says about one outcome."""
    table = found.table[found.table["outcome"] == outcome]
    measure = "auroc" if outcome == TOP1 else "spearman"
    (k,) = table[(table["score"] == "n_active") & (table["direction"] == "expected")].to_dict(
        "records"
    )
    rivals = table[(table["score"] != ORACLE) & (table["direction"] != "learnt")]
    best = rivals.iloc[int(rivals[measure].fillna(-np.inf).to_numpy().argmax())]
    gain, gain_low, gain_high = found.gains[outcome]
    p, within = float(k["partial_p_holm"]), float(k[f"{measure}_within"])
    return KVerdict(
        outcome=outcome,
        measure="auroc" if outcome == TOP1 else "spearman",
        value=float(k[measure]),
        low=float(k[f"{measure}_low"]),
        high=float(k[f"{measure}_high"]),
        direction=_direction(
            float(k[f"{measure}_low"]), float(k[f"{measure}_high"]), 0.5 if outcome == TOP1 else 0.0
        ),
        within=within if math.isfinite(within) else None,
        partial=float(k["partial"]),
        partial_low=float(k["partial_low"]),
        partial_high=float(k["partial_high"]),
        partial_p=p if math.isfinite(p) else None,
        gain=gain,
        gain_low=gain_low,
        gain_high=gain_high,
        best=str(best["score"]),
        best_value=float(best[measure]),
    )


def _direction(low: float, high: float, null: float) -> Direction:
    return "more" if low > null else "fewer" if high < null else "undecided"


def variance_shares(rows: pd.DataFrame) -> tuple[VarianceShare, ...]:
    """Every combination of position, token and document, for k and for its logarithm."""
    k = rows["n_active"].to_numpy(dtype=np.float64)
    labels = {name: rows[column].to_numpy() for name, column in FACTORS.items()}
    shares = []
    for of, values in (("n_active", k), ("log2(1 + n_active)", np.log2(1 + k))):
        if not np.ptp(values) > 0:
            continue
        for size in range(1, len(labels) + 1):
            for factors in combinations(labels, size):
                share = explained(values, [labels[name] for name in factors])
                shares.append(
                    VarianceShare(of, factors, share.adjusted, share.plain, share.n_levels)  # type: ignore[arg-type]
                )
    return tuple(shares)
