"""A synthetic ledger with the losses of every proxy that bounds can ask for, and settings."""

from typing import Any

import numpy as np
import pandas as pd
from ledger_factory import VOCAB_SIZE, make_ledger

from semdim.bounds.family import BoundFacts
from semdim.bounds.spec import BoundSpec

FACTS = BoundFacts(vocab_size=VOCAB_SIZE, dict_size=512)
TOPK, POOLS = (4, 8, 16), (64, 256)

FORMER: dict[str, Any] = {
    "smoothing_grid": (),
    "smoothing_weight": None,
    "n_weight": None,
    "bet_cap": 0.75,
    "srm_form": "joint",
    "srm_whole_sae": False,
}
"""The settings with which the numbers of before the tight certificates come back."""

CASES: dict[str, BoundSpec] = {
    "default": BoundSpec(
        **FORMER,
        n_tokens=(600, 1800, 3600),
        topk_grid=TOPK,
        pool_sizes=POOLS,
        sparsity_bins=3,
    ),
    "tight": BoundSpec(
        n_tokens=(600, 1800, 3600), topk_grid=TOPK, pool_sizes=POOLS, sparsity_bins=3
    ),
    "alphas_sum": BoundSpec(
        **FORMER | {"smoothing_grid": (0.1,), "smoothing_grid_at": "every", "srm_form": "sum"},
        n_tokens=(1800, 3600),
        topk_grid=(8,),
        pool_sizes=(64,),
        method="hoeffding",
    ),
    "at_k": BoundSpec(**FORMER, n_tokens=(3600,), k=16, topk_grid=TOPK, method="betting_sequence"),
    "sequences": BoundSpec(
        **FORMER, n_tokens=(1200, 3600), topk_grid=(8,), unit="sequence", k_positions="all"
    ),
    "tokens": BoundSpec(
        **FORMER, n_tokens=(1200,), topk_grid=(8,), unit="token", pay_for_n_grid=False
    ),
    "nothing_extra": BoundSpec(
        **FORMER,
        n_tokens=(3600,),
        topk_grid=(),
        sparsity_bins=0,
        shares_above=(),
        n_predeclared=5,
    ),
}
"""Every branch of the families, by name."""


def sample(n_documents: int = 150) -> tuple[pd.DataFrame, np.ndarray]:
    """A ledger of 2 sequences of 12 tokens per document, and the largest atom rank of each [S]."""
    ledger = make_ledger(n_documents=n_documents)
    rng = np.random.default_rng(1)
    for name, size in (
        *((f"topk_{k}", 4.0 / k) for k in TOPK),
        *((f"pool_{pool}", 16.0 / pool) for pool in POOLS),
    ):
        noise = rng.gamma(1.0, size, len(ledger)).astype(np.float32)
        ledger[f"nll_{name}"] = ledger["nll_model"] + noise
    return ledger, rng.integers(30, 300, 2 * n_documents)
