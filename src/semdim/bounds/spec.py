"""What the bounds are asked for: the `bound` group of the configuration, validated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from semdim.bounds.concentration import BET_CAP, Method
from semdim.bounds.result import Unit
from semdim.bounds.shares import Declared, PointShare, PointShares
from semdim.fields import SEED, SettingError, check, names, read, setting
from semdim.limits import ATOMS, POINTS, TOKENS, WINDOWS, limit

SrmForm = Literal["capped", "joint", "sum"]
GridAt = Literal["largest", "every"]
KPositions = Literal["without_bos", "all"]
SparsityStatistic = Literal["median", "mean"]
PoolOrder = Literal["frequency", "ablation"]

_GRID: dict[str, Any] = {"at_least": 1, "ascending": True, "one_is_a_list": True}
SIZES: dict[str, Any] = {**_GRID, **TOKENS}
"""A grid of sample sizes: ascending, and one number is a grid of one."""
COUNTS: dict[str, Any] = {**_GRID, **ATOMS}
"""A grid of numbers of atoms."""


@dataclass(frozen=True)
class BoundSpec:
    """The ``bound`` group."""

    failure_prob: float = setting(0.05, above=0, below=1)
    """δ: probability with which a certificate may be wrong."""
    smoothing: float = setting(0.5, above=0, below=1)
    """The main α of the smoothed loss: that of the paper's families, and of what is quoted."""
    smoothing_grid: tuple[float, ...] = setting(
        (0.2, 0.1, 0.05, 0.02, 0.01), above=0, below=1, one_is_a_list=True, distinct=True
    )
    """More values of α for certificates of a risk; each takes its share of δ."""
    smoothing_grid_at: GridAt = "largest"
    """The N at which these are looked at: the largest alone, or every one."""
    smoothing_weight: float | None = setting(0.5, above=0, below=1)
    """Part of δ for the main α; the others share the rest equally. None: all get the same."""
    n_tokens: tuple[int, ...] = setting(
        (1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000), **SIZES, not_empty=True
    )
    """Sample sizes N in tokens, BOS included, ascending. A size means ⌊N/context⌋ sequences, or the
    same share of the documents (`semdim.bounds.windows`)."""
    windows_per_document: int | None = setting(None, at_least=1, **WINDOWS)
    """W: a document's value is the mean over its first W windows. None: as many as the sample holds
    of every document that has them, which is its number of complete rounds."""
    n_weight: float | None = setting(0.75, above=0, below=1)
    """Part of δ for the largest N, which is the one that is quoted; the others share the rest
    equally. None: all get the same."""
    k: int | None = setting(None, at_least=1, **ATOMS)
    """None: the published families at the SAE's mean k. An integer: at the proxy topk_<k>."""
    topk_grid: tuple[int, ...] = setting((16, 32, 64, 128), **COUNTS)
    """The predeclared k of srm_topk, ascending; each takes its share of δ. Empty: no srm_topk."""
    srm_whole_sae: bool = True
    """Whether the whole autoencoder is in the grid of srm_topk too: k = m cuts nothing."""
    unit: Unit = "document"
    """What is taken to be independent."""
    method: Method = "betting"
    """Concentration method of every certificate but holdout, which is given for each method."""
    bet_cap: float = setting(BET_CAP, above=0, below=1)
    """Betting: largest part of the capital that one value may lose."""
    srm_form: SrmForm = "capped"
    """capped: one bound on ℓ_S + |g|, of which no more than B counts; joint: the same without the
    cap; sum: a bound on each of the two."""
    pay_for_n_grid: bool = True
    """Each predeclared point takes its share of δ, so that all points hold at once."""
    n_predeclared: int | None = setting(None, at_least=1, **POINTS)
    """A number of points among which δ is divided equally; None: the points and weights above."""
    declared_n_tokens: tuple[int, ...] = setting((), **SIZES)
    """Every N of the sweep of which this is a point, ascending; empty: those of n_tokens. With
    them a point gets the share that it has in the whole grid, and equals the grid's own."""
    declared_smoothings: tuple[float, ...] = setting(
        (), above=0, below=1, one_is_a_list=True, distinct=True
    )
    """Every α of a sweep over α; all count alike then. Empty: smoothing and smoothing_grid."""
    k_positions: KPositions = "without_bos"
    """Positions over which the mean k is taken."""
    pool_sizes: tuple[int, ...] = setting((), **COUNTS)
    """P of the pool families; each takes its share of δ and needs the proxy pool_<P>."""
    pool_order: PoolOrder = "frequency"
    """Which atoms enter a pool first: those most tokens use, or those whose ablation costs most
    (a first-order estimate); either way on the calibration documents alone."""
    calibration_fraction: float = setting(0.2, above=0, below=1)
    """Share of the documents on which pools and sparsity bins are fixed; not in their sample."""
    sparsity_bins: int = setting(
        4, at_least=0, **limit(1000, "each bin needs documents of its own, and a share of δ")
    )
    """Bins of risk_by_sparsity; each takes its share of δ. 0: no risk_by_sparsity."""
    sparsity_statistic: SparsityStatistic = "median"
    """What of a unit's k the bins cut: the median, or the mean, which outlier tokens decide."""
    shares_above: tuple[float, ...] = setting(
        (0.5, 0.25, 0.1, 0.05, 0.02), above=0, below=1, one_is_a_list=True, distinct=True
    )
    """Shares of the documents for which faithfulness_quantile gives the change that no more of
    them exceed; each takes its share of δ. Empty: no faithfulness_quantile."""
    seed: int = setting(0, **SEED)
    """Draws the calibration documents."""

    def __post_init__(self) -> None:
        check(self, "bound")
        for name, own, all_of_them in (
            ("declared_n_tokens", self.n_tokens, self.declared_n_tokens),
            ("declared_smoothings", self.smoothings, self.declared_smoothings),
        ):
            missing = [value for value in own if value not in all_of_them]
            if all_of_them and missing:
                raise SettingError(
                    "bound", f"{name} lacks {missing[0]:g}, which is computed here: add it."
                )
        if self.n_predeclared is not None and self.n_predeclared < self._n_points:
            raise SettingError(
                "bound",
                f"n_predeclared = {self.n_predeclared} must be at least {self._n_points}, the "
                "number of points that are computed here.",
            )

    @property
    def smoothings(self) -> tuple[float, ...]:
        """All values of α, the main one first, none twice."""
        return (self.smoothing, *(a for a in self.smoothing_grid if a != self.smoothing))

    @property
    def declared(self) -> Declared:
        """All points of N and α, this one's siblings in a sweep included."""
        return Declared(
            sizes=self.declared_n_tokens or self.n_tokens,
            smoothings=self.declared_smoothings or self.smoothings,
            main=None if self.declared_smoothings else self.smoothing,
            size_weight=self.n_weight,
            smoothing_weight=self.smoothing_weight,
            grid_at_every_size=self.smoothing_grid_at == "every",
            pays_for_sizes=self.pay_for_n_grid,
            n_equal=self.n_predeclared,
        )

    @property
    def _n_points(self) -> int:
        return self.declared.n_points

    @property
    def n_choices(self) -> int:
        """J: the number of predeclared points (N and α) among which δ is divided."""
        return self._n_points if self.n_predeclared is None else self.n_predeclared

    @property
    def shares(self) -> PointShares:
        """What a bound at any of the points may spend: equal shares, when nobody says which point
        it is. `PointSpec` does."""
        equal = PointShare(1.0 / self.n_choices, self.n_choices)
        n_smoothings = len(self.declared.smoothings)
        return PointShares(equal, PointShare(1.0 / n_smoothings, n_smoothings))

    def at(
        self,
        n_tokens: int,
        smoothing: float,
        *,
        every_size: bool = True,
        every_smoothing: bool = True,
    ) -> "PointSpec":
        """The settings at one point, with its part of δ; see `Declared.shares`."""
        found = self.declared.shares(
            n_tokens, smoothing, every_size=every_size, every_smoothing=every_smoothing
        )
        return PointSpec(**{name: getattr(self, name) for name in names(BoundSpec)}, point=found)

    @property
    def point_proxy(self) -> str:
        """The proxy of the published families, of covering_dudley and of faithfulness."""
        return "sae" if self.k is None else f"topk_{self.k}"

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "BoundSpec":
        """Build from the ``bound`` section of the parameters; absent keys take the defaults.

        A single number stands for a grid of one. Raises ConfigError for whatever is not possible.
        """
        return read(cls, settings, "bound")


@dataclass(frozen=True)
class PointSpec(BoundSpec):
    """The settings, as a family is given them at one point of N and α."""

    point: PointShares = field(default_factory=PointShares)
    """Its part of δ."""

    @property
    def shares(self) -> PointShares:
        """What a bound at this point may spend."""
        return self.point
