"""Family 9: the risk given how sparse the text's codes are. A certificate.

The paper's "dynamic evaluation" says that a higher k loosens the guarantee. Here: the range of a
unit's median k (or of its mean, which a few outlier tokens decide) is cut into G bins whose edges
were fixed on other documents. Given how many units fall into a bin, their losses are independent
draws from the law of that bin, so a holdout bound at δ/G per bin holds for all bins at once:
R(M | bin) ≤ R̂(M | bin) + U_δ/G.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare
from semdim.bounds.concentration import BET_CAP, SOURCES, Method, upper_mean
from semdim.bounds.estimand import risk_of
from semdim.bounds.family import BoundFacts, Family, Kind, register
from semdim.bounds.quantities import loss_ceiling, loss_floor
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.shares import Choices
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import at_one_n, check_units, common, split, unit_assumptions
from semdim.bounds.validation import check_disjoint, check_values, divided
from semdim.errors import ConfigError, DataError

SOURCE = "conditioning on the bin"


def sparsity_edges(n_active: np.ndarray, n_bins: int) -> np.ndarray:
    """Inner edges of `n_bins` bins of equal calibration count, [n_bins − 1], ascending.

    n_active: mean k of the calibration units. Raises DataError when ties leave fewer bins.
    """
    if n_bins < 1:
        raise ConfigError(f"sparsity_bins must be at least 1, got {n_bins}.")
    check_values(n_active, 0.0, float("inf"), "mean k of the calibration units", n_bins)
    edges = np.quantile(n_active, np.arange(1, n_bins) / n_bins)
    if len(np.unique(edges)) != n_bins - 1:
        raise DataError(
            f"{n_bins} bins of k have only {len(np.unique(edges)) + 1} distinct edges on the "
            "calibration documents (is k constant?); lower bound.sparsity_bins, 0 leaves it out."
        )
    return edges


def risk_by_sparsity(
    losses: np.ndarray,
    n_active: np.ndarray,
    edges: Sequence[float] | np.ndarray,
    *,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    calibration_documents: Iterable[object],
    sample_documents: Iterable[object],
    method: Method = "betting",
    n_choices: Choices = 1,
    bet_cap: float = BET_CAP,
    statistic: str = "mean",
) -> list[Bound]:
    """Family 9, one bound per bin, in ascending k; all hold at once. ``statistic`` names what the
    k of a unit is, its mean or its median.

    losses, n_active: smoothed loss of the model in bits and mean k, one value per unit,
    [size.n_units]. edges: inner edges, ascending; a bin holds its right edge. A bin into which no
    unit fell is given the loss ceiling, which needs no data, and says so.

    Raises DataError when the documents overlap, for values that are NaN, out of range, or not one
    per unit; ConfigError for edges that do not ascend.
    """
    check_disjoint(calibration_documents, sample_documents)
    check_units(losses, size, "losses")
    check_units(n_active, size, "mean k")
    floor, ceiling = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    check_values(losses, floor, ceiling, "losses")
    check_values(n_active, 0.0, float("inf"), "mean k")
    inner = np.asarray(edges, dtype=np.float64)
    if len(inner) and (not np.isfinite(inner).all() or (np.diff(inner) <= 0).any()):
        raise ConfigError(f"The edges of the bins of k must ascend, got {inner.tolist()}.")
    n_bins = len(inner) + 1
    share = divided(failure_prob, n_choices) / n_bins
    member = np.searchsorted(inner, n_active, side="left")
    bounds = []
    for index in range(n_bins):
        inside = losses[member == index]
        n_inside = len(inside)
        is_measured = n_inside >= (2 if method == "maurer_pontil" else 1)
        risk = float(inside.mean()) if is_measured else ceiling
        upper = ceiling
        if is_measured:
            upper = upper_mean(inside, floor, ceiling, share, method, bet_cap=bet_cap)
        left = float(inner[index - 1]) if index else 0.0
        right = float(inner[index]) if index < n_bins - 1 else float("inf")
        place: dict[str, float | str] = {
            "bin": index + 1, "n_bins": n_bins, "bin_left": left, "k_statistic": statistic,
        }  # fmt: skip
        note = () if is_measured else ("too few units in this bin: the bound is the loss ceiling",)
        bounds.append(
            Bound(
                family="risk_by_sparsity",
                is_certificate=size.is_honest,
                subject=risk_of(
                    f"the model on a {size.unit} with {statistic} k in ({left:g}, {right:g}]",
                    size,
                    smoothing,
                ),
                size=size,
                vocab_size=vocab_size,
                smoothing=smoothing,
                budget=Budget(failure_prob, (FailureShare(f"bin {index + 1} of {n_bins}", share),)),
                assumptions=(
                    *unit_assumptions(size.unit),
                    "the edges of the bins were fixed on other documents",
                    *note,
                ),
                source=f"{SOURCE}, and {SOURCES[method]}",
                proxy_risk=risk if is_measured else None,
                tail=upper - risk if is_measured else ceiling,
                k=float(n_active[member == index].mean()) if n_inside else None,
                proxy="model",
                method=method,
                n_units=n_inside,
                details=place | ({"bin_right": right} if index < n_bins - 1 else {}),
            )
        )
    return bounds


def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> list[Bound]:
    """A bound for each bin; nothing without bins, without codes, or with tokens as units."""
    if not spec.sparsity_bins or spec.unit == "token" or not table.n_active_sum:
        return []
    rest, chosen = split(table, spec)
    held_apart, statistic = table.take(np.isin(table.document, chosen)), spec.sparsity_statistic
    calibration, units = held_apart.by_unit(spec.unit), rest.by_unit(spec.unit)
    return risk_by_sparsity(
        units.losses["model"],
        rest.typical_n_active(statistic, spec.unit),
        sparsity_edges(held_apart.typical_n_active(statistic, spec.unit), spec.sparsity_bins),
        statistic=statistic,
        size=units.size,
        calibration_documents=calibration.document.tolist(),
        sample_documents=units.document.tolist(),
        method=at_one_n(spec.method),
        n_choices=spec.shares.here,
        bet_cap=spec.bet_cap,
        **common(table, facts, spec),
    )


register(
    Family(
        name="risk_by_sparsity",
        order=700,
        kinds=(
            Kind(
                name="risk_by_sparsity",
                number=9,
                words="the model's risk on text whose typical k lies in a bin",
                source=SOURCE,
                is_certificate=True,
                curve=lambda bound: bound.details["bin"],
                headline="total",
            ),
        ),
        compute=compute,
        needs=lambda spec: ("model",),
        at="largest N",
        smoothings="main α",
    )
)
