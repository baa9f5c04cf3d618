"""A sample's bounds in a few numbers: what bound.json holds and `dvc metrics` compares."""

from collections.abc import Iterable, Sequence

from semdim.bounds.families.as_published import published_crossing
from semdim.bounds.result import Bound
from semdim.errors import ConfigError

PUBLISHED = ("as_published", "as_published_with_gap_tail")


def curve_name(bound: Bound) -> str:
    """Which curve over N a bound belongs to: its family, with what else tells curves apart."""
    parts = [bound.family]
    if bound.family == "holdout":
        parts.append(str(bound.method))
    elif bound.family == "srm_topk_frontier":
        parts.append(str(bound.k))
    elif bound.family == "faithfulness":
        parts.append(str(bound.proxy))
    elif bound.pool_size is not None:
        parts.append(str(bound.pool_size))
    elif bound.family == "risk_by_sparsity":
        parts.append(str(bound.details["bin"]))
    return "_".join(parts)


def curves(bounds: Iterable[Bound]) -> dict[tuple[str, float], list[Bound]]:
    """Bounds by curve name and α, each ascending in N."""
    grouped: dict[tuple[str, float], list[Bound]] = {}
    for bound in bounds:
        grouped.setdefault((curve_name(bound), bound.smoothing), []).append(bound)
    for curve in grouped.values():
        curve.sort(key=lambda bound: bound.size.n_tokens)
    return grouped


def first_non_vacuous(curve: Sequence[Bound]) -> Bound | None:
    """The bound with the smallest N that is below log2 V (a gap: below Δ); None when none is.

    `curve`: one curve at several N. Raises ConfigError when it holds several. For the published
    families the exact crossing at fixed statistics is `crossing`.
    """
    if len({(curve_name(bound), bound.smoothing) for bound in curve}) > 1:
        raise ConfigError("first_non_vacuous needs one curve: one family, method and α.")
    by_size = sorted(curve, key=lambda bound: bound.size.n_tokens)
    return next((bound for bound in by_size if bound.is_non_vacuous), None)


def crossing(bound: Bound) -> float | None:
    """The N (tokens, real) at which family 1 or 2 crosses log2 V with the statistics of `bound`
    held fixed; None when R̂ + ε̂ is not below log2 V. Raises ConfigError for another family."""
    if bound.family not in PUBLISHED:
        raise ConfigError(f"{bound.family} has no closed form in N; only family 1 and 2 have.")
    assert bound.proxy_risk is not None and bound.gap is not None
    assert bound.k is not None and bound.dict_size is not None and bound.baseline is not None
    if bound.proxy_risk + bound.gap >= bound.baseline:
        return None
    return published_crossing(
        risk_plus_gap=bound.proxy_risk + bound.gap,
        n_active=bound.k,
        dict_size=bound.dict_size,
        vocab_size=bound.vocab_size,
        smoothing=bound.smoothing,
        failure_prob=bound.budget.failure_prob,
        with_gap_tail=bound.family == "as_published_with_gap_tail",
    )


def headline(
    bounds: Sequence[Bound], smoothing: float | None = None
) -> dict[str, float | int | None]:
    """Flat numbers at the largest N: per curve its total and the first N of the grid at which it is
    non-vacuous (None: at none), the published terms and their crossing, and k*.

    smoothing: the α to report; None: that of the first bound.
    """
    if not bounds:
        raise ConfigError("there are no bounds to summarise.")
    alpha = bounds[0].smoothing if smoothing is None else smoothing
    numbers: dict[str, float | int | None] = {}
    for (name, a), curve in curves(bounds).items():
        if a != alpha or name.startswith("srm_topk_frontier"):
            continue
        last, first = curve[-1], first_non_vacuous(curve)
        numbers[f"{name}_total"] = last.total
        if last.family != "risk_by_sparsity":
            numbers[f"{name}_first_n_tokens"] = None if first is None else first.size.n_tokens
        if name in PUBLISHED:
            numbers[f"{name}_crossing_n_tokens"] = crossing(last)
        if name == "as_published":
            numbers |= {
                "n_tokens": last.size.n_tokens,
                "n_sequences": last.size.n_sequences,
                "n_documents": last.size.n_documents,
                "baseline": last.baseline,
                "mean_n_active": last.k,
                "sparse_semantic_dimension": float(last.details["ssd_nats"]),
                **{f"as_published_{term}": value for term, value in last.terms.items()},
            }
        if name == "srm_topk":
            numbers["srm_topk_k"] = last.k
    return numbers
