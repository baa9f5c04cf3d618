"""What each family says, in words, for people who did not read the code."""

FAMILIES: dict[str, str] = {
    "as_published": "the paper's bound as its Figure 1 computes it",
    "as_published_with_gap_tail": "the paper's bound, with the gap's own price of finite data",
    "srm_topk": "codes cut to the best k of a grid: the paper's idea as a theorem",
    "srm_topk_frontier": "codes cut to k, one row for every k of the grid",
    "holdout": "the model's own losses on text it never saw",
    "covering_dudley": "the paper's sketch with the constants of its proof kept",
    "pool_split": "only P atoms, chosen on other documents",
    "pool_occam": "only P atoms, chosen on the same documents and paid for",
    "occam_pool": "the predictor that keeps P atoms, however chosen (not the model)",
    "faithfulness": "how much the autoencoder changes the model's loss",
    "risk_by_sparsity": "the model's risk on text whose mean k lies in a bin",
}

NOT_CERTIFICATES = ("as_published", "as_published_with_gap_tail", "covering_dudley")
"""Families that prove nothing, whatever the unit; every print of them says so."""

LABELS = {True: "certificate", False: "not a certificate"}


def status(family: str, is_certificate: bool, unit: str | None = None) -> str:
    """`certificate`, or `not a certificate` with the reason that is not the family's own."""
    if not is_certificate and family not in NOT_CERTIFICATES and unit is not None:
        return f"{LABELS[False]} (the {unit}s are not independent)"
    return LABELS[is_certificate]
