"""A sample's bounds in a few numbers: what bound.json holds and `dvc metrics` compares."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from semdim.bounds.family import Number, kind_of
from semdim.bounds.result import Bound
from semdim.errors import ConfigError

if TYPE_CHECKING:
    from semdim.bounds.assemble import LeftOut


def curve_name(bound: Bound) -> str:
    """Which curve over N a bound belongs to: its family, with what else tells curves apart.

    Raises:
        ConfigError: its family is not registered.
    """
    tell_apart = kind_of(bound.family).curve
    return bound.family if tell_apart is None else f"{bound.family}_{tell_apart(bound)}"


def curves(bounds: Iterable[Bound]) -> dict[tuple[str, float], list[Bound]]:
    """Bounds by curve name and α, each ascending in N."""
    grouped: dict[tuple[str, float], list[Bound]] = {}
    for bound in bounds:
        grouped.setdefault((curve_name(bound), bound.smoothing), []).append(bound)
    for curve in grouped.values():
        curve.sort(key=lambda bound: bound.size.grid_n_tokens)
    return grouped


def at_largest_n(bounds: Iterable[Bound], family: str, smoothing: float) -> Bound | None:
    """The bound of a family at the largest N and this α; None without one."""
    found = [b for b in bounds if b.family == family and b.smoothing == smoothing]
    return max(found, key=lambda bound: bound.size.n_tokens, default=None)


def first_non_vacuous(curve: Sequence[Bound]) -> Bound | None:
    """The bound with the smallest N that is below log2 V (a gap: below Δ); None when none is.

    `curve`: one curve at several N. Raises ConfigError when it holds several. For the published
    families the exact crossing at fixed statistics is in `semdim.bounds.families.as_published`.
    """
    if len({(curve_name(bound), bound.smoothing) for bound in curve}) > 1:
        raise ConfigError("first_non_vacuous needs one curve: one family, method and α.")
    by_size = sorted(curve, key=lambda bound: bound.size.grid_n_tokens)
    return next((bound for bound in by_size if bound.is_non_vacuous), None)


def headline(bounds: Sequence[Bound], smoothing: float | None = None) -> dict[str, Number]:
    """Flat numbers at the largest N: per curve its total and the first N of the grid at which it is
    non-vacuous (None: at none), and what else a family wants to be seen (the published terms and
    their crossing, k*). A curve that was computed at several α adds the smallest total among them,
    all at the largest N, and its α: they hold at once.

    smoothing: the α to report; None: that of the first bound.
    """
    if not bounds:
        raise ConfigError("There are no bounds to summarise.")
    alpha = bounds[0].smoothing if smoothing is None else smoothing
    numbers: dict[str, Number] = {}
    found = curves(bounds)
    for (name, a), curve in found.items():
        kind = kind_of(curve[0].family)
        if a != alpha or kind.headline == "none":
            continue
        last = curve[-1]
        numbers[f"{name}_total"] = last.total
        if kind.headline == "curve":
            first = first_non_vacuous(curve)
            numbers[f"{name}_first_n_tokens"] = None if first is None else first.size.grid_n_tokens
        numbers |= kind.more(last)
        numbers |= _over_smoothings(name, found)
    return numbers


def _over_smoothings(
    name: str, found: Mapping[tuple[str, float], Sequence[Bound]]
) -> dict[str, Number]:
    lasts = [curve[-1] for (other, _), curve in found.items() if other == name]
    if len(lasts) < 2:
        return {}
    best = min(lasts, key=lambda bound: bound.total)
    return {f"{name}_best_total": best.total, f"{name}_best_smoothing": best.smoothing}


def reasons(left_out: Iterable["LeftOut"]) -> list[str]:
    """What was left out, in sentences: one for each family and reason, with the N and α that it
    concerns."""
    places: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for entry in left_out:
        places.setdefault((entry.family, entry.reason), []).append(
            (entry.n_tokens, entry.smoothing)
        )
    found = []
    for (family, reason), at in places.items():
        sizes = ", ".join(str(n) for n in sorted({n for n, _ in at}))
        alphas = ", ".join(f"{a:g}" for a in dict.fromkeys(a for _, a in at))
        found.append(f"{family} at N = {sizes}, α = {alphas}: {reason}")
    return found


def in_a_line(summary: Mapping[str, float | int | None]) -> str:
    """The headline for a person who watches: the paper's number, where it begins to say something,
    and what is certified."""
    holdout = summary.get("holdout_betting_total")
    certified = "" if holdout is None else f"; holdout {holdout:.3f} bits"
    if "as_published_total" not in summary:
        return f"the published bound was left out{certified}"
    crossing = summary["as_published_crossing_n_tokens"]
    return (
        f"as published {summary['as_published_total']:.3f} bits at N = {summary['n_tokens']} "
        f"tokens (log2 V = {summary['baseline']:.3f}); "
        + ("at no N" if crossing is None else f"from N = {crossing:.0f} on")
        + f" below log2 V{certified}"
    )
