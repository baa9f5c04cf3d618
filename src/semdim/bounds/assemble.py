"""All bound families of one sample over the grid of N: what the pipeline writes to bounds.csv."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from semdim.bounds.aggregate import SequenceTable, UnitLosses, sequence_losses
from semdim.bounds.calibration import calibration_documents, outside_pool
from semdim.bounds.concentration import METHODS
from semdim.bounds.families.as_published import as_published
from semdim.bounds.families.covering_dudley import covering_dudley
from semdim.bounds.families.faithfulness import faithfulness
from semdim.bounds.families.holdout import holdout
from semdim.bounds.families.pool import occam_pool_from_losses, pool
from semdim.bounds.families.risk_by_sparsity import risk_by_sparsity, sparsity_edges
from semdim.bounds.families.srm_topk import srm_frontier, srm_topk
from semdim.bounds.result import Bound
from semdim.bounds.spec import BoundSpec
from semdim.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class BoundFacts:
    """What the ledger's metadata says that the bounds need."""

    vocab_size: int
    """V of the model."""
    dict_size: int
    """m of the autoencoder."""

    @classmethod
    def from_mapping(cls, facts: Mapping[str, Any]) -> "BoundFacts":
        """From the metadata, whose other entries are of no concern here."""
        names = [entry.name for entry in fields(cls)]
        missing = [name for name in names if name not in facts]
        if missing:
            raise DataError(f"the ledger's metadata lacks {', '.join(missing)}.")
        return cls(**{name: int(facts[name]) for name in names})


def needed_proxies(spec: BoundSpec) -> tuple[str, ...]:
    """The proxies whose losses `spec` asks for, in the ledger's names."""
    topk = [f"topk_{k}" for k in spec.topk_grid]
    pools = [f"pool_{size}" for size in spec.pool_sizes]
    return tuple(dict.fromkeys(["model", "sae", spec.point_proxy, *topk, *pools]))


def assemble_ledger(
    ledger: "pd.DataFrame",
    facts: BoundFacts,
    spec: BoundSpec,
    *,
    max_rank: np.ndarray | None = None,
) -> list[Bound]:
    """`assemble` from the ledger's rows, at every value of α.

    max_rank: largest atom rank per sequence, [S]; the pool families need it
    (`semdim.bounds.calibration`). Raises what `sequence_losses` and `assemble` raise.
    """
    bounds: list[Bound] = []
    for smoothing in spec.smoothings:
        table = sequence_losses(
            ledger,
            needed_proxies(spec),
            smoothing,
            facts.vocab_size,
            keep_tokens=spec.unit == "token",
        )
        if max_rank is not None:
            table = table.with_max_rank(max_rank)
        bounds += assemble(table, facts, spec)
    return bounds


def assemble(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> list[Bound]:
    """Every family that `spec` asks for, over its grid of N, in a fixed order.

    risk_by_sparsity is given at the largest N alone. Raises ConfigError when a proxy that `spec`
    names has no losses in the table, or pools are asked for without max_rank; DataError when an N
    is beyond the sample (nothing is clipped).
    """
    missing = [name for name in needed_proxies(spec) if name not in table.losses]
    if missing:
        raise ConfigError(
            f"the bounds need losses of {', '.join(missing)}; the ledger has "
            f"{', '.join(table.proxies)}. Add the proxy to grid.sweep, or take it out of bound."
        )
    if table.vocab_size != facts.vocab_size:
        raise ConfigError(
            f"losses were smoothed with V = {table.vocab_size}, the model has {facts.vocab_size}."
        )
    bounds: list[Bound] = []
    for n_tokens in spec.n_tokens:
        part = table.first(n_tokens)
        if len(np.unique(part.document)) < 2:
            raise DataError(
                f"n_tokens = {n_tokens} covers one document, from which no variance can be taken; "
                "raise the smallest bound.n_tokens."
            )
        bounds += _at(part, facts, spec)
    if spec.sparsity_bins and spec.unit != "token" and table.n_active_sum:
        bounds += _by_sparsity(part, facts, spec)
    return bounds


def _common(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> dict[str, Any]:
    return {
        "vocab_size": facts.vocab_size,
        "smoothing": table.smoothing,
        "failure_prob": spec.failure_prob,
    }


def for_method(table: SequenceTable, spec: BoundSpec, method: str) -> tuple[UnitLosses, int]:
    """The units for a method, and the predeclared points it pays for: a sequence valid at every N
    pays for α alone, and needs values that stay the same as the sample grows, so that each document
    counts with its first sequence (N is still that of the whole sample)."""
    if method != "betting_sequence":
        return table.by_unit(spec.unit), spec.n_choices
    if spec.unit != "document":
        return table.by_unit(spec.unit), len(spec.smoothings)
    units = table.one_per_document().by_unit("document")
    size = replace(units.size, n_tokens=table.n_sequences * table.context)  # N of the sample
    return replace(units, size=size), len(spec.smoothings)


def _at(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    common = _common(table, facts, spec)
    for method in METHODS:
        units, n_choices = for_method(table, spec, method)
        yield holdout(
            units.losses["model"], size=units.size, method=method, n_choices=n_choices, **common
        )
    units, n_choices = for_method(table, spec, spec.method)
    yield from published_bounds(table, facts, spec)
    if spec.topk_grid:
        frontier = frontier_bounds(table, facts, spec)
        yield srm_topk(frontier)
        yield from frontier
    for proxy in dict.fromkeys(("sae", spec.point_proxy)):
        yield faithfulness(
            units.abs_gaps[proxy],
            size=units.size,
            method=spec.method,
            n_choices=n_choices,
            proxy=proxy,
            k=None if proxy == "sae" else spec.k,
            **common,
        )
    if spec.pool_sizes:
        yield from _pools(table, facts, spec)


def frontier_bounds(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> list[Bound]:
    """Family 3 at every k of the grid, each with its share of δ, by ascending k."""
    units, n_choices = for_method(table, spec, spec.method)
    return srm_frontier(
        {k: units.losses[f"topk_{k}"] for k in spec.topk_grid},
        {k: units.abs_gaps[f"topk_{k}"] for k in spec.topk_grid},
        size=units.size,
        dict_size=facts.dict_size,
        method=spec.method,
        form=spec.srm_form,
        n_choices=n_choices,
        **_common(table, facts, spec),
    )


def published_bounds(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """Families 1, 2 and 5: means over all sequences, N = tokens, δ undivided, as in the paper."""
    proxy = spec.point_proxy
    k = table.mean_n_active(spec.k_positions) if spec.k is None else spec.k
    size = table.by_unit("sequence").size
    arguments = _common(table, facts, spec) | {
        "proxy_risk": float(table.losses[proxy].mean()),
        "gap": float(np.abs(table.losses["model"] - table.losses[proxy]).mean()),
        "dict_size": facts.dict_size,
        "size": size,
        "proxy": proxy,
    }
    yield as_published(n_active=k, **arguments)
    yield as_published(n_active=k, with_gap_tail=True, **arguments)
    yield covering_dudley(n_active=int(np.ceil(k)), **arguments)


def _pools(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """Families 6 and 7, at δ/(J·G): `split` on the documents that the pools were not chosen on,
    `occam` and `occam_pool` on all of them."""
    if table.max_rank is None:
        raise ConfigError("bound.pool_sizes needs the largest atom rank of every sequence.")
    if spec.unit == "token":
        raise ConfigError("the pool families need the unit document or sequence, not token.")
    common = _common(table, facts, spec)
    n_choices = spec.n_choices * len(spec.pool_sizes)
    rest, _ = split(table, spec)
    for pool_size in spec.pool_sizes:
        for part, chosen_on_sample in ((rest, False), (table, True)):
            assert part.max_rank is not None
            units = part.by_unit(spec.unit)
            outside = outside_pool(part.max_rank, pool_size, facts.dict_size)
            shares = part.mean_per_unit(outside.astype(np.float64), spec.unit)
            yield pool(
                proxy_risk=float(units.losses[f"pool_{pool_size}"].mean()),
                gap=float(units.abs_gaps["sae"].mean()),
                outside_share=float(shares.mean()),
                pool_size=pool_size,
                dict_size=facts.dict_size,
                size=units.size,
                chosen_on_sample=chosen_on_sample,
                n_choices=n_choices,
                **common,
            )
        units = table.by_unit(spec.unit)
        method = "betting" if spec.method == "betting_sequence" else spec.method
        yield occam_pool_from_losses(
            units.losses[f"pool_{pool_size}"],
            pool_size=pool_size,
            dict_size=facts.dict_size,
            size=units.size,
            method=method,
            n_choices=n_choices,
            **common,
        )


def _by_sparsity(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> list[Bound]:
    rest, chosen = split(table, spec)
    calibration = table.take(np.isin(table.document, chosen)).by_unit(spec.unit)
    units = rest.by_unit(spec.unit)
    assert calibration.n_active is not None and units.n_active is not None
    method = "betting" if spec.method == "betting_sequence" else spec.method
    return risk_by_sparsity(
        units.losses["model"],
        units.n_active,
        sparsity_edges(calibration.n_active, spec.sparsity_bins),
        size=units.size,
        calibration_documents=calibration.document.tolist(),
        sample_documents=units.document.tolist(),
        method=method,
        n_choices=len(spec.smoothings),
        **_common(table, facts, spec),
    )


def split(table: SequenceTable, spec: BoundSpec) -> tuple[SequenceTable, np.ndarray]:
    """The table without its calibration documents, and those documents' labels."""
    chosen = calibration_documents(table.document, spec.calibration_fraction, spec.seed)
    return table.take(~np.isin(table.document, chosen)), chosen
