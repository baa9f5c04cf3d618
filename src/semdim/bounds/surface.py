"""The certificate over N and k: what more text buys, what more atoms buy, and where both suffice.

At each N the certificate is family 3 (`semdim.bounds.families.srm_topk`) at every k of the grid.
Beside it stands the published number with the same proxy, which is no certificate. All N × k points
hold at once: each N takes its share of δ, and within it each k. The shares are those of bounds.csv,
so that the rows are too; the whole autoencoder, which has no place on an axis of k, is paid for and
left out here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from semdim.bounds.aggregate import SequenceTable, sequence_losses
from semdim.bounds.candidates import for_each_candidate
from semdim.bounds.families.as_published import as_published
from semdim.bounds.families.srm_topk import frontier_bounds
from semdim.bounds.family import BoundFacts, needed_proxies
from semdim.bounds.published import published_statistics
from semdim.bounds.result import Bound
from semdim.bounds.sample import LEAST_DOCUMENTS, sample_of
from semdim.bounds.spec import COUNTS, SIZES, BoundSpec
from semdim.fields import check, read, setting
from semdim.ledger.rows import Rows
from semdim.proxies.names import parse_proxy

COLUMNS = (
    "n_tokens", "n_tokens_asked", "n_sequences", "n_documents", "windows_per_document", "k", "unit",
    "method", "smoothing", "failure_prob", "proxy_risk", "gap", "tail", "gap_tail", "total",
    "is_certificate", "is_best", "as_published", "baseline",
)  # fmt: skip


@dataclass(frozen=True)
class SurfaceSpec:
    """The ``surface`` group. What it leaves open is taken from ``grid`` and ``bound``."""

    n_tokens: tuple[int, ...] | None = setting(None, **SIZES, not_empty=True)
    """Sizes N in tokens, ascending; None: those of bound.n_tokens."""
    k: tuple[int, ...] | None = setting(None, **COUNTS, not_empty=True)
    """Atoms kept, ascending; None: every topk_<k> whose losses are computed."""

    def __post_init__(self) -> None:
        check(self, "surface")

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "SurfaceSpec":
        """Build from the ``surface`` section; a number stands for a grid of one.

        Raises:
            ConfigError: an unknown key, or values that are not whole, positive and ascending.
        """
        return read(cls, settings, "surface")

    def grid(self, bound: BoundSpec, proxies: tuple[str, ...]) -> BoundSpec:
        """`bound` with the grid of the surface: its N, its k, and nothing that it does not need.

        proxies: those whose losses are computed; when none of them is topk_<k>, the grid is empty.
        """
        k = self.k
        if k is None:
            found = (parse_proxy(name) for name in proxies)
            sizes = {p.n_active for p in found if p.name == f"topk_{p.n_active}"}
            k = tuple(sorted(size for size in sizes if size is not None))
        return replace(
            bound,
            n_tokens=bound.n_tokens if self.n_tokens is None else self.n_tokens,
            topk_grid=k,
            k=None,
            pool_sizes=(),
            sparsity_bins=0,
            n_predeclared=None,
            declared_n_tokens=(),
            declared_smoothings=(),
        )


def surface(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> list[dict[str, Any]]:
    """A row for each N and k of `spec` (from `SurfaceSpec.grid`), ascending, with COLUMNS.

    ``is_best`` marks k*(N), the smallest certificate at its N (ties go to the smaller k). An N that
    covers fewer than two documents has no row. Raises DataError when an N is beyond the sample, or
    when the sample does not hold as many windows of a document as `spec` asks for.
    """
    rows: list[dict[str, Any]] = []
    if not spec.topk_grid:
        return rows
    sample, frontier_at = sample_of(table, facts, spec), for_each_candidate(frontier_bounds)
    for n_tokens in spec.n_tokens:
        part = sample.at(n_tokens)
        if part.n_documents < LEAST_DOCUMENTS:
            continue
        point = spec.at(n_tokens, spec.smoothing)
        found = frontier_at(part.documents, facts, point)
        frontier = [bound for bound in found if bound.proxy != "sae"]
        best = min(frontier, key=lambda bound: (bound.total, bound.k))
        for bound in frontier:
            at_k = replace(spec, k=int(bound.k or 0))
            published = as_published(**published_statistics(part.sequences, facts, at_k))
            rows.append(_row(bound, published, bound is best))
    return rows


def surface_of_ledger(
    ledger: Rows, facts: Any, spec: BoundSpec, n_candidates: int = 1
) -> list[dict[str, Any]]:
    """`surface` from the ledger's rows and facts; for ``n_candidates`` see `BoundFacts`."""
    table = sequence_losses(
        ledger,
        needed_proxies(spec),
        spec.smoothing,
        facts["vocab_size"],
        keep_tokens=spec.unit == "token",
    )
    return surface(table, BoundFacts.from_mapping(facts, n_candidates=n_candidates), spec)


def _row(bound: Bound, published: Bound, is_best: bool) -> dict[str, Any]:
    row = bound.to_row() | {
        "is_best": is_best,
        "as_published": published.total,
    }
    return {name: row[name] for name in COLUMNS}
