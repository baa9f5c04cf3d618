"""The bound families as lines over N: names, colours, and where a line crosses log2 V."""

from dataclasses import dataclass

import pandas as pd

from semdim.results.read import ProbeResults


@dataclass(frozen=True)
class FamilyStyle:
    """How a family is drawn and named."""

    label: str
    colour: str


STYLES: dict[str, FamilyStyle] = {
    "holdout": FamilyStyle("holdout on the model itself", "#228833"),
    "srm_topk": FamilyStyle("hard top-k codes, with a union bound over k", "#AA3377"),
    "pool_split": FamilyStyle("pool of atoms, chosen on a split", "#4477AA"),
    "pool_occam": FamilyStyle("pool of atoms, chosen on the sample", "#66CCEE"),
    "occam_pool": FamilyStyle("pooled proxy itself (not the model)", "#CCBB44"),
    "token_martingale": FamilyStyle("the contexts seen (not new documents)", "#994400"),
    "as_published": FamilyStyle("as published", "#222222"),
    "as_published_with_gap_tail": FamilyStyle("as published, gap tail added", "#222222"),
    "covering_dudley": FamilyStyle("Dudley, constants kept", "#888888"),
}
FALLBACK_COLOUR = "#663399"

METHODS: dict[str, str] = {
    "hoeffding": "Hoeffding",
    "maurer_pontil": "Maurer–Pontil",
    "betting": "betting",
    "betting_sequence": "betting, all N at once",
    "empirical_bernstein": "empirical Bernstein",
    "binomial": "exact binomial",
}
MARKERS: dict[str, str] = {
    "hoeffding": "o",
    "maurer_pontil": "s",
    "betting": "^",
    "betting_sequence": "D",
    "empirical_bernstein": "v",
}

NOT_ON_THE_CURVE = (
    "risk_by_sparsity",
    "faithfulness",
    "faithfulness_tokens",
    "faithfulness_quantile",
    "srm_topk_frontier",
    "holdout_by_source",
    "holdout_mixture",
)
"""Families with figures of their own: their rows are no line over N."""


def family_style(family: str) -> FamilyStyle:
    """Style of a family; a family unknown here is drawn under its own name."""
    known = STYLES.get(family)
    return known or FamilyStyle(family.replace("_", " "), FALLBACK_COLOUR)


@dataclass(frozen=True)
class Crossing:
    """Where a line falls below log2 V and stays there."""

    n_tokens: int
    """Smallest measured N from which on the bound stays below, in tokens."""
    total: float
    """The bound there, in bits."""
    interpolated: float
    """Where the bound meets log2 V between this N and the one before, in tokens: a straight line
    in 1/√N through the two."""
    is_first_point: bool
    """True when the very first N is below already: then the crossing is at or before it."""


@dataclass(frozen=True)
class Curve:
    """One line of the bound-against-N figure."""

    family: str
    method: str
    unit: str
    is_certificate: bool
    points: pd.DataFrame
    """A row per N, ascending: the rows of bounds.csv that the line goes through."""

    @property
    def label(self) -> str:
        """Name for legends and tables; holdout is given by several methods, and says which."""
        words = family_style(self.family).label
        if self.family != "holdout" or not self.method:
            return words
        return f"{words} ({METHODS.get(self.method, self.method)})"

    @property
    def colour(self) -> str:
        """One colour per family."""
        return family_style(self.family).colour

    @property
    def last(self) -> pd.Series:
        """The row at the largest N."""
        return self.points.iloc[-1]

    @property
    def crossing(self) -> Crossing | None:
        """Where it becomes non-vacuous; None when it is not at the largest N."""
        n_tokens = self.points["n_tokens"].astype(float).tolist()
        total = self.points["total"].astype(float).tolist()
        slack = [b - t for b, t in zip(self.points["baseline"].astype(float), total, strict=True)]
        if not slack or not slack[-1] > 0.0:
            return None
        first = len(slack) - 1
        while first > 0 and slack[first - 1] > 0.0:
            first -= 1
        if first == 0:
            return Crossing(int(n_tokens[0]), total[0], n_tokens[0], True)
        share = slack[first - 1] / (slack[first - 1] - slack[first])
        # Every term that depends on N falls as 1/√N, so on that axis a bound is a straight line.
        low, high = n_tokens[first - 1] ** -0.5, n_tokens[first] ** -0.5
        where = (low + share * (high - low)) ** -2
        return Crossing(int(n_tokens[first]), total[first], where, False)


def main_smoothing(bounds: pd.DataFrame) -> float | None:
    """The α that the figures use, when bounds.csv holds several: the main one is written first."""
    values = bounds["smoothing"].dropna()
    return None if values.empty else float(values.iloc[0])


def on_the_grid(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with n_tokens_asked, the N of the grid that rows of different families share; older
    tables lack it, and there it is the tokens that were used."""
    return rows.assign(n_tokens_asked=rows["n_tokens_asked"].fillna(rows["n_tokens"]))


def main_rows(probe: ProbeResults) -> pd.DataFrame:
    """Rows of bounds.csv at the main α, each with its N of the grid in n_tokens_asked."""
    bounds = on_the_grid(probe.table("bounds"))
    smoothing = main_smoothing(bounds)
    if smoothing is None:
        return bounds
    return bounds[bounds["smoothing"].isna() | (bounds["smoothing"] == smoothing)]


def _main_proxy(rows: pd.DataFrame) -> pd.DataFrame:
    # The published bound may have been computed for several proxies: the line is the SAE's own.
    return rows[rows["proxy"] == "sae"] if "sae" in set(rows["proxy"]) else rows


def curves(
    probe: ProbeResults, *, family: str | None = None, only_certificates: bool = False
) -> list[Curve]:
    """Every bound on a risk, or those asked for, as a line over N, certificates first, in the order
    of STYLES.

    Where a family was computed for several k or pool sizes at one N, its line goes through the
    smallest total: the families that offer a choice have paid for it (their ledger of δ says so).
    """
    rows = main_rows(probe)
    rows = rows[~rows["family"].isin(NOT_ON_THE_CURVE) & rows["baseline"].notna()]
    if family is not None:
        rows = rows[rows["family"] == family]
    if only_certificates:
        rows = rows[rows["is_certificate"].astype(bool)]
    found = []
    keys = ["family", "method", "unit", "is_certificate"]
    for (name, method, unit, certificate), group in rows.groupby(keys, sort=False):
        if str(name).startswith("as_published"):
            group = _main_proxy(group)
        best = group.loc[group.groupby("n_tokens_asked")["total"].idxmin()]
        best = best.sort_values("n_tokens_asked")
        found.append(
            Curve(
                str(name),
                str(method),
                str(unit),
                bool(certificate),
                best.reset_index(drop=True),
            )
        )
    order = list(STYLES)
    methods = list(METHODS)

    def place(curve: Curve) -> tuple[bool, int, int]:
        return (
            not curve.is_certificate,
            order.index(curve.family) if curve.family in order else len(order),
            methods.index(curve.method) if curve.method in methods else len(methods),
        )

    return sorted(found, key=place)


def published(probe: ProbeResults) -> Curve | None:
    """The line of the bound as published, if it was computed."""
    return next(iter(curves(probe, family="as_published")), None)


def certificates(probe: ProbeResults) -> list[Curve]:
    """The lines that are theorems under their assumptions."""
    return curves(probe, only_certificates=True)


def main_certificate(probe: ProbeResults) -> Curve | None:
    """The certificate of the model's risk that is put forward: holdout by betting, else by the
    method that comes next. Fixed beforehand: the smallest of several, picked after looking at
    them, would be no certificate at the same δ."""
    holdout = curves(probe, family="holdout", only_certificates=True)
    found = {curve.method: curve for curve in holdout}
    for method in ("betting", "maurer_pontil", "hoeffding", "betting_sequence"):
        if method in found:
            return found[method]
    return None


def comparable(probes: list[ProbeResults]) -> list[ProbeResults]:
    """Models with the published bound: the ones that can be set side by side."""
    return [probe for probe in probes if published(probe) is not None]


def crossing_tokens(probe: ProbeResults) -> float | None:
    """The N that is printed wherever the published bound is said to meet log2 V, in tokens.

    It is the formula's, with k and gap of the largest sample held fixed (bound.json). The line that
    is drawn has the k and gap of each N, and meets log2 V at a slightly different place; results
    without the former are read off it. None: it does not meet it.
    """
    found = probe.headline.get("as_published_crossing_n_tokens")
    if found is not None:
        return float(found)
    main = published(probe)
    crossing = None if main is None else main.crossing
    return None if crossing is None else crossing.interpolated
