"""What the bounds are asked for: the `bound` group of the configuration, validated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from semdim.bounds.concentration import Method
from semdim.bounds.result import Unit
from semdim.fields import LARGEST_SEED, SettingError, check, read, setting

SrmForm = Literal["joint", "sum"]
KPositions = Literal["without_bos", "all"]
SparsityStatistic = Literal["median", "mean"]
PoolOrder = Literal["frequency", "ablation"]

_LARGEST = 10**12
SIZES: dict[str, Any] = {
    "at_least": 1, "at_most": _LARGEST, "ascending": True, "one_is_a_list": True,
}  # fmt: skip
"""A grid of counts: ascending, and one number is a grid of one."""


@dataclass(frozen=True)
class BoundSpec:
    """The ``bound`` group."""

    failure_prob: float = setting(0.05, above=0, below=1)
    """δ: probability with which a certificate may be wrong."""
    smoothing: float = setting(0.5, above=0, below=1)
    """α of the smoothed loss."""
    smoothing_grid: tuple[float, ...] = setting(
        (), above=0, below=1, one_is_a_list=True, distinct=True
    )
    """More values of α to compute everything at; each takes its share of δ."""
    n_tokens: tuple[int, ...] = setting(
        (1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000), **SIZES, not_empty=True
    )
    """Sample sizes N in tokens, BOS included, ascending. A size means ⌊N/context⌋ sequences."""
    k: int | None = setting(None, at_least=1, at_most=_LARGEST)
    """None: the published families at the SAE's mean k. An integer: at the proxy topk_<k>."""
    topk_grid: tuple[int, ...] = setting((16, 32, 64), **SIZES)
    """The predeclared k of srm_topk, ascending; each takes its share of δ. Empty: no srm_topk."""
    unit: Unit = "document"
    """What is taken to be independent."""
    method: Method = "betting"
    """Concentration method of every certificate but holdout, which is given for each method."""
    srm_form: SrmForm = "joint"
    """joint: one bound on ℓ_S + |g|; sum: a bound on each of the two."""
    pay_for_n_grid: bool = True
    """Each predeclared point takes its share of δ, so that all points hold at once."""
    n_predeclared: int | None = setting(None, at_least=1, at_most=_LARGEST)
    """Points that share δ; None: sizes times values of α. A sweep that computes one point at a
    time states here how many there are, and then equals the whole grid's points."""
    k_positions: KPositions = "without_bos"
    """Positions over which the mean k is taken."""
    pool_sizes: tuple[int, ...] = setting((), **SIZES)
    """P of the pool families; each takes its share of δ and needs the proxy pool_<P>."""
    pool_order: PoolOrder = "frequency"
    """Which atoms enter a pool first: those most tokens use, or those whose ablation costs most
    (a first-order estimate); either way on the calibration documents alone."""
    calibration_fraction: float = setting(0.2, above=0, below=1)
    """Share of the documents on which pools and sparsity bins are fixed; not in their sample."""
    sparsity_bins: int = setting(4, at_least=0, at_most=10_000)
    """Bins of risk_by_sparsity; each takes its share of δ. 0: no risk_by_sparsity."""
    sparsity_statistic: SparsityStatistic = "median"
    """What of a unit's k the bins cut: the median, or the mean, which outlier tokens decide."""
    seed: int = setting(0, at_least=0, at_most=LARGEST_SEED)
    """Draws the calibration documents."""

    def __post_init__(self) -> None:
        check(self, "bound")
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
    def _n_points(self) -> int:
        return len(self.smoothings) * (len(self.n_tokens) if self.pay_for_n_grid else 1)

    @property
    def n_choices(self) -> int:
        """J: the number of predeclared points (N and α) among which δ is divided."""
        return self._n_points if self.n_predeclared is None else self.n_predeclared

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
