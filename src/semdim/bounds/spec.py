"""What the bounds are asked for: the `bound` group of the configuration, validated."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from semdim.bounds.concentration import METHODS, Method
from semdim.bounds.result import UNITS, Unit
from semdim.bounds.validation import check_failure_prob, check_smoothing
from semdim.errors import ConfigError

SrmForm = Literal["joint", "sum"]
KPositions = Literal["without_bos", "all"]
PoolOrder = Literal["frequency", "ablation"]

CHOICES: dict[str, tuple[str | bool, ...]] = {
    "unit": UNITS,
    "method": METHODS,
    "srm_form": get_args(SrmForm),
    "k_positions": get_args(KPositions),
    "pool_order": get_args(PoolOrder),
    "pay_for_n_grid": (True, False),
}


@dataclass(frozen=True)
class BoundSpec:
    """The ``bound`` group."""

    failure_prob: float = 0.05
    """δ: probability with which a certificate may be wrong."""
    smoothing: float = 0.5
    """α of the smoothed loss."""
    smoothing_grid: tuple[float, ...] = ()
    """More values of α to compute everything at; each takes its share of δ."""
    n_tokens: tuple[int, ...] = (1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
    """Sample sizes N in tokens, BOS included, ascending. A size means ⌊N/context⌋ sequences."""
    k: int | None = None
    """None: the published families at the SAE's mean k. An integer: at the proxy topk_<k>."""
    topk_grid: tuple[int, ...] = (16, 32, 64)
    """The predeclared k of srm_topk, ascending; each takes its share of δ. Empty: no srm_topk."""
    unit: Unit = "document"
    """What is taken to be independent."""
    method: Method = "betting"
    """Concentration method of every certificate but holdout, which is given for each method."""
    srm_form: SrmForm = "joint"
    """joint: one bound on ℓ_S + |g|; sum: a bound on each of the two."""
    pay_for_n_grid: bool = True
    """Each predeclared point takes its share of δ, so that all points hold at once."""
    n_predeclared: int | None = None
    """Points that share δ; None: sizes times values of α. A sweep that computes one point at a
    time states here how many there are, and then equals the whole grid's points."""
    k_positions: KPositions = "without_bos"
    """Positions over which the mean k is taken."""
    pool_sizes: tuple[int, ...] = ()
    """P of the pool families; each takes its share of δ and needs the proxy pool_<P>."""
    pool_order: PoolOrder = "frequency"
    """Which atoms enter a pool first: those most tokens use, or those whose ablation costs most
    (a first-order estimate); either way on the calibration documents alone."""
    calibration_fraction: float = 0.2
    """Share of the documents on which pools and sparsity bins are fixed; not in their sample."""
    sparsity_bins: int = 4
    """Bins of risk_by_sparsity; each takes its share of δ. 0: no risk_by_sparsity."""
    seed: int = 0
    """Draws the calibration documents."""

    def __post_init__(self) -> None:
        check_failure_prob(self.failure_prob, "bound.failure_prob")
        for smoothing in (self.smoothing, *self.smoothing_grid):
            check_smoothing(smoothing)
        if not self.n_tokens:
            raise ConfigError("bound.n_tokens is empty; give at least one sample size.")
        for name in ("n_tokens", "topk_grid", "pool_sizes"):
            _check_ascending(name, getattr(self, name))
        if len(set(self.smoothing_grid)) != len(self.smoothing_grid):
            raise ConfigError("bound.smoothing_grid holds a value twice.")
        for name in CHOICES:
            _check_choice(name, getattr(self, name))
        if not 0.0 < self.calibration_fraction < 1.0:
            raise ConfigError(
                "bound.calibration_fraction must lie strictly between 0 and 1, got "
                f"{self.calibration_fraction}."
            )
        for name, least in (("sparsity_bins", 0), ("seed", 0)):
            _check_whole(name, getattr(self, name), least)
        for name in ("k", "n_predeclared"):
            if getattr(self, name) is not None:
                _check_whole(name, getattr(self, name), 1)
        if self.n_predeclared is not None and self.n_predeclared < self._n_points:
            raise ConfigError(
                f"bound.n_predeclared = {self.n_predeclared} is below the {self._n_points} points "
                "that are computed here."
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

        A single number stands for a grid of one. Raises ConfigError that names every unknown key,
        and for every value that has the wrong type or range.
        """
        known = [entry.name for entry in fields(cls)]
        unknown = [str(key) for key in settings if key not in known]
        if unknown:
            near = difflib.get_close_matches(unknown[0], known, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise ConfigError(
                f"bound has no setting {', '.join(map(repr, unknown))}; it knows "
                f"{', '.join(known)}.{hint}"
            )
        values = dict(settings)
        for name in ("n_tokens", "topk_grid", "pool_sizes"):
            if name in values:
                values[name] = tuple(_whole(name, entry) for entry in _as_list(values[name]))
        if "smoothing_grid" in values:
            entries = _as_list(values["smoothing_grid"])
            values["smoothing_grid"] = tuple(_real("smoothing_grid", entry) for entry in entries)
        for name in ("failure_prob", "smoothing", "calibration_fraction"):
            if name in values:
                values[name] = _real(name, values[name])
        for name in ("k", "n_predeclared"):
            if values.get(name) is not None:
                values[name] = _whole(name, values[name])
        for name in CHOICES:
            if name in values:
                _check_choice(name, values[name])
        return cls(**values)


def whole_numbers(name: str, value: Any) -> tuple[int, ...]:
    """A grid of positive whole numbers, ascending without repeats; one number is a grid of one.

    Raises ConfigError, which calls the grid `name`.
    """
    numbers = tuple(_as_list(value))
    if not numbers or any(
        isinstance(entry, bool) or not isinstance(entry, int) or entry < 1 for entry in numbers
    ):
        raise ConfigError(f"{name} must hold whole numbers of at least 1, got {value!r}.")
    if list(numbers) != sorted(set(numbers)):
        raise ConfigError(f"{name} must ascend without repeats, got {list(numbers)}.")
    return numbers


def _as_list(value: Any) -> Sequence[Any]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    return [] if value is None else [value]


def _real(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"bound.{name} must be a number, got {value!r}.")
    return float(value)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise ConfigError(f"bound.{name} must be a whole number, got {value!r}.")
    return int(value)


def _check_whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(
            f"bound.{name} must be a whole number of at least {least}, got {value!r}."
        )


def _check_ascending(name: str, values: tuple[int, ...]) -> None:
    for value in values:
        _check_whole(name, value, 1)
    if list(values) != sorted(set(values)):
        raise ConfigError(f"bound.{name} must ascend without repeats, got {list(values)}.")


def _check_choice(name: str, value: Any) -> None:
    if not any(type(value) is type(choice) and value == choice for choice in CHOICES[name]):
        names = ", ".join(str(choice).lower() for choice in CHOICES[name])
        raise ConfigError(f"bound.{name} must be one of {names}, got {value!r}.")
