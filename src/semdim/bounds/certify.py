"""The bounds of one ledger as typed values, by one call: what a notebook asks for.

    certificate = certify(ledger)
    print(certificate)
    certificate.holdout.total  # bits per token; with probability 1 − δ the model's risk is below

The same families as the pipeline's, row for row; neither torch nor a file is needed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from semdim.bounds.aggregate import LOSS_PREFIX
from semdim.bounds.assemble import LeftOut, assemble_all
from semdim.bounds.calibration import deepest_ranks
from semdim.bounds.concentration import Method
from semdim.bounds.family import BoundFacts, kind_of
from semdim.bounds.result import Bound, SampleSize, Unit
from semdim.bounds.spec import BoundSpec
from semdim.bounds.summary import curves
from semdim.bounds.words import status
from semdim.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd


@runtime_checkable
class Facts(Protocol):
    """What holds for a whole ledger, as far as bounds need it."""

    @property
    def vocab_size(self) -> int:
        """V of the model."""

    @property
    def dict_size(self) -> int:
        """m of the autoencoder."""


@runtime_checkable
class LedgerLike(Protocol):
    """A table with a row per token, and its facts: `semdim.ledger.Ledger`, or yours."""

    @property
    def rows(self) -> "pd.DataFrame":
        """Columns document, sequence, position, nll_<proxy>, n_active, is_bos; S·T rows."""

    @property
    def facts(self) -> Facts:
        """Facts of the whole table. ``splice`` is needed for pools; with ``sources`` and
        ``document_sources`` there are bounds for each source of the text."""


@dataclass(frozen=True)
class Certificate:
    """All bounds of a ledger. Totals in bits per token."""

    bounds: tuple[Bound, ...]
    """By α, then N, then family, in the order of bounds.csv."""
    left_out: tuple[LeftOut, ...]
    """Families that the sample does not allow, and why."""
    facts: Facts
    """The ledger's."""
    spec: BoundSpec
    """What was asked for."""

    def last(self, family: str, **which: object) -> Bound | None:
        """The bound of a family at the largest N and the main α, None without one.

        Args:
            family: name of its rows, such as ``pool_occam``.
            which: fields that it must have, such as ``pool_size=512``, where there are several.
        """
        return self._last(family, self.spec.smoothing, which)

    def _last(self, family: str, smoothing: float, which: Mapping[str, object]) -> Bound | None:
        found = [
            bound
            for bound in self.bounds
            if bound.family == family
            and bound.smoothing == smoothing
            and all(getattr(bound, name) == value for name, value in which.items())
        ]
        return max(found, key=lambda bound: bound.size.grid_n_tokens, default=None)

    def over_smoothings(self, family: str, **which: object) -> tuple[Bound, ...]:
        """The bounds of a family at the largest N, one for each α, the main one first. All of them
        hold at once, so that the smallest may be quoted with its α.

        Args:
            family, which: as for `last`.
        """
        return tuple(
            bound
            for smoothing in self.spec.smoothings
            if (bound := self._last(family, smoothing, which)) is not None
        )

    @property
    def holdout(self) -> Bound | None:
        """The model's own risk, by the method that was asked for."""
        return self.last("holdout", method=self.spec.method)

    @property
    def faithfulness(self) -> Bound | None:
        """How much the whole autoencoder changes the mean loss of a text."""
        return self.last("faithfulness", proxy="sae")

    @property
    def faithfulness_tokens(self) -> Bound | None:
        """How much the whole autoencoder changes the loss of a token: never less."""
        return self.last("faithfulness_tokens", proxy="sae")

    @property
    def token_martingale(self) -> Bound | None:
        """The model's mean conditional risk at the contexts that were seen."""
        return self.last("token_martingale")

    @property
    def published(self) -> Bound | None:
        """The paper's number, which is no certificate."""
        return self.last("as_published")

    @property
    def srm_topk(self) -> Bound | None:
        """The model's risk through codes cut to the best k; None when no losses of topk_<k> are
        there."""
        return self.last("srm_topk")

    def to_frame(self) -> "pd.DataFrame":
        """The rows of bounds.csv."""
        import pandas as pd

        return pd.DataFrame([bound.to_row() for bound in self.bounds])

    def to_json(self) -> str:
        """Everything as JSON text."""
        content = {
            "facts": {"vocab_size": self.facts.vocab_size, "dict_size": self.facts.dict_size},
            "settings": asdict(self.spec),
            "bounds": [bound.to_dict() for bound in self.bounds],
            "left_out": [asdict(entry) for entry in self.left_out],
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)

    def __str__(self) -> str:
        lasts = {
            name: curve[-1]
            for (name, smoothing), curve in curves(self.bounds).items()
            if smoothing == self.spec.smoothing and kind_of(curve[0].family).headline != "none"
        }
        lines = [self._heading()]
        width = max(map(len, lasts), default=0)
        for name, bound in lasts.items():
            worth = status(bound.family, bound.is_certificate, bound.size.unit)
            words = kind_of(bound.family).words
            lines.append(f"  {name:<{width}}  {bound.total:8.3f} bits  {worth}: {words}")
        totals = self.over_smoothings("holdout", method=self.spec.method)
        if len(totals) > 1:
            each = ", ".join(f"{bound.total:.3f} (α = {bound.smoothing:g})" for bound in totals)
            lines.append(f"  holdout at every α, all at once, in bits: {each}")
        return "\n".join(lines + [f"  left out: {entry}" for entry in self.left_out])

    def _heading(self) -> str:
        unit = self.spec.unit
        sizes = [bound.size for bound in self.bounds if bound.size.unit == unit]
        if not sizes:
            return f"No bounds with the {unit} as unit."
        size = max(sizes, key=lambda size: size.n_tokens)
        baseline = next((b.baseline for b in self.bounds if b.baseline is not None), None)
        guess = "" if baseline is None else f", a uniform guess costs {baseline:.3f}"
        return (
            f"n = {size.n_units:,} {unit}s, taken to be independent ({size.n_tokens:,} tokens); "
            f"a certificate is wrong with probability δ = {self.spec.failure_prob:g} at most; bits "
            f"per token, smoothed with α = {self.spec.smoothing:g}{guess}"
            f"{_windows(size)}"
        )


def _windows(size: SampleSize) -> str:
    if size.unit != "document" or size.windows is None or size.windows.per_document is None:
        return ""
    n_windows = size.windows.per_document
    which = f"{n_windows} windows" if n_windows > 1 else "window"
    return f"\n  a document counts with the mean over its first {which}"


def certify(
    ledger: LedgerLike,
    *,
    failure_prob: float = 0.05,
    smoothing: float = 0.5,
    n_tokens: int | Sequence[int] | None = None,
    topk_grid: int | Sequence[int] | None = None,
    method: Method = "betting",
    unit: Unit = "document",
    n_candidates: int = 1,
    **further: Any,
) -> Certificate:
    """Every family of bounds of a ledger.

    Args:
        ledger: its rows and facts.
        failure_prob: δ, for each family.
        smoothing: α.
        n_tokens: sizes N in tokens, ascending, which share δ; None: the whole sample alone.
        topk_grid: k of srm_topk, ascending, which share δ; None: every topk_<k> whose losses the
            whole sample has.
        method: concentration method of every certificate but holdout, which is given for each.
        unit: what is taken to be independent.
        n_candidates: autoencoders that were measured on this text before this one was chosen; what
            is said of the autoencoder then pays for the choice.
        further: other fields of `BoundSpec`, such as ``pool_sizes`` (the rows then need
            ``deepest_rank``, the facts ``splice``) or ``sparsity_bins``.

    Raises:
        ConfigError: a setting is unknown, out of range, or asks for losses that are not there.
        DataError: the rows are not whole sequences of documents, or fewer than N asks for.
    """
    rows = ledger.rows
    if len(rows) == 0:
        raise DataError("The ledger has no rows.")
    spec = BoundSpec.from_mapping(
        {
            "failure_prob": failure_prob,
            "smoothing": smoothing,
            "n_tokens": len(rows) if n_tokens is None else n_tokens,
            "topk_grid": _topk_grid(rows) if topk_grid is None else topk_grid,
            "method": method,
            "unit": unit,
            **further,
        }
    )
    facts = BoundFacts.from_mapping(
        {
            "vocab_size": ledger.facts.vocab_size,
            "dict_size": ledger.facts.dict_size,
            "counts": getattr(ledger.facts, "counts", None),
            "sources": getattr(ledger.facts, "sources", ()),
            "document_sources": getattr(ledger.facts, "document_sources", ()),
        },
        n_candidates=n_candidates,
    )
    found = assemble_all(rows, facts, spec, max_rank=_max_rank(ledger) if spec.pool_sizes else None)
    return Certificate(found.bounds, found.left_out, ledger.facts, spec)


def _topk_grid(rows: "pd.DataFrame") -> list[int]:
    """Every k of a column nll_topk_<k> that lacks no loss which nll_model has, ascending."""
    prefix = f"{LOSS_PREFIX}topk_"
    numbers = {name: name.removeprefix(prefix) for name in rows.columns if name.startswith(prefix)}
    columns = {int(k): name for name, k in numbers.items() if k.isdecimal()}
    model = f"{LOSS_PREFIX}model"
    n_losses = int(rows[model].notna().sum()) if model in rows.columns else 0
    return sorted(k for k, name in columns.items() if int(rows[name].notna().sum()) == n_losses)


def _max_rank(ledger: LedgerLike) -> Any:
    splice = getattr(ledger.facts, "splice", None)
    if splice is None or "deepest_rank" not in ledger.rows.columns:
        raise ConfigError(
            "pool_sizes needs the column deepest_rank in the ledger's rows, and splice among its "
            "facts; order the atoms first, or leave pool_sizes out."
        )
    return deepest_ranks(ledger.rows, splice)


bounds_of = certify
"""`certify` as `semdim.bounds_of`: beside `semdim.certify`, which gives an SAE's certificate."""
