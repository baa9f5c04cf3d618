"""The paper's Eq. 17 and 21 on a sample: what they read off it, and what is wrong with them.

The terms themselves are in `semdim.bounds.published_terms`.
"""

from typing import Any

import numpy as np

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.family import BoundFacts
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import common
from semdim.errors import DataError

FLAWS = (
    "the N tokens are independent (they are not: a document's tokens share an author)",
    "k is the same at every token (the experiment plugs in a mean)",
    "the Rademacher complexity is at most 2√(SSD/N), which Eq. 20 asserts up to a constant",
    "Theorem 1 holds for all S in H_k (it does not: a memorising encoder breaks it at k = 1)",
)


def published_statistics(
    table: SequenceTable, facts: BoundFacts, spec: BoundSpec
) -> dict[str, Any]:
    """What the paper measures, as arguments of the families that read it: means over all sequences,
    N = tokens, δ undivided.

    Raises:
        DataError: the ledger has no codes, so that there is no mean k, or its mean k is below 1.
    """
    proxy = spec.point_proxy
    k = table.mean_n_active(spec.k_positions) if spec.k is None else spec.k
    if k < 1:
        raise DataError(
            f"The mean k of the sample is {k:.4g}, but the paper's prior over k starts at 1."
        )
    return common(table, facts, spec) | {
        "proxy_risk": float(table.losses[proxy].mean()),
        "gap": float(np.abs(table.losses["model"] - table.losses[proxy]).mean()),
        "n_active": k,
        "dict_size": facts.dict_size,
        "size": table.by_unit("sequence").size,
        "proxy": proxy,
    }
