"""The surface over N and k is the frontier of assemble_bound, point by point."""

from dataclasses import replace

import numpy as np
import pytest
from ledger_factory import VOCAB_SIZE, make_ledger

from semdim.bounds.aggregate import SequenceTable, sequence_losses
from semdim.bounds.assemble import assemble
from semdim.bounds.family import BoundFacts, needed_proxies
from semdim.bounds.spec import BoundSpec
from semdim.bounds.surface import COLUMNS, SurfaceSpec, surface
from semdim.errors import ConfigError, DataError

FACTS = BoundFacts(vocab_size=VOCAB_SIZE, dict_size=512)
PROXIES = ("model", "sae", "topk_16", "topk_4", "topk_8", "topk_32_all", "random_decoder")
SPEC = BoundSpec(n_tokens=(600, 1800, 3600), topk_grid=(4, 8, 16))


@pytest.fixture(scope="module")
def sample() -> SequenceTable:
    ledger = make_ledger(n_documents=150)
    rng = np.random.default_rng(1)
    for k in (4, 8, 16):
        noise = rng.gamma(1.0, 4.0 / k, len(ledger)).astype(np.float32)
        ledger[f"nll_topk_{k}"] = ledger["nll_model"] + noise
    proxies = needed_proxies(SPEC)
    return sequence_losses(ledger, proxies, SPEC.smoothing, VOCAB_SIZE, keep_tokens=True)


@pytest.mark.parametrize("method", ["betting", "hoeffding", "betting_sequence"])
def test_the_surface_is_the_frontier_of_the_pipeline(sample: SequenceTable, method: str) -> None:
    spec = replace(SPEC, method=method)  # type: ignore[arg-type]
    rows = surface(sample, FACTS, SurfaceSpec().grid(spec, PROXIES))
    bounds = assemble(sample, FACTS, spec).bounds
    frontier = [b for b in bounds if b.family == "srm_topk_frontier" and b.proxy != "sae"]
    assert [(r["n_tokens"], r["k"], r["total"]) for r in rows] == [
        (b.size.n_tokens, b.k, b.total) for b in frontier
    ]
    best = {r["n_tokens"]: (r["k"], r["total"]) for r in rows if r["is_best"]}
    totals = {n: min(b.total for b in frontier if b.size.n_tokens == n) for n in spec.n_tokens}
    assert {n: total for n, (_, total) in best.items()} == totals
    assert all(tuple(row) == COLUMNS for row in rows)


def test_the_published_number_stands_beside_it(sample: SequenceTable) -> None:
    rows = surface(sample, FACTS, SurfaceSpec().grid(SPEC, PROXIES))
    at_8 = assemble(sample, FACTS, replace(SPEC, k=8)).bounds
    published = [b.total for b in at_8 if b.family == "as_published"]
    assert [row["as_published"] for row in rows if row["k"] == 8] == published


def test_more_points_cost_confidence_and_nothing_else(sample: SequenceTable) -> None:
    spec_weight = SPEC.n_weight
    finer = SurfaceSpec(n_tokens=(600, 1200, 1800, 2400, 3000, 3600))
    few = {(r["n_tokens"], r["k"]): r for r in surface(sample, FACTS, SPEC)}
    many = {(r["n_tokens"], r["k"]): r for r in surface(sample, FACTS, finer.grid(SPEC, PROXIES))}
    assert set(few) < set(many)
    for at, row in few.items():
        assert many[at]["proxy_risk"] == row["proxy_risk"] and many[at]["gap"] == row["gap"]
        quoted = at[0] == SPEC.n_tokens[-1] and spec_weight is not None
        assert many[at]["total"] == row["total"] if quoted else many[at]["total"] > row["total"]


def test_the_grid_is_taken_from_what_is_computed() -> None:
    grid = SurfaceSpec().grid(replace(SPEC, k=8, smoothing_grid=(0.1,)), PROXIES)
    assert grid.topk_grid == (4, 8, 16) and grid.n_tokens == SPEC.n_tokens
    assert set(needed_proxies(grid)) == {"model", "sae", "topk_4", "topk_8", "topk_16"}
    assert grid.n_choices == 4  # 3 sizes at the main α, and the other α, which shares δ
    assert SurfaceSpec(k=(8,)).grid(SPEC, PROXIES).topk_grid == (8,)


def test_without_a_topk_proxy_there_is_no_surface(sample: SequenceTable) -> None:
    assert surface(sample, FACTS, SurfaceSpec().grid(SPEC, ("model", "sae"))) == []


def test_an_n_beyond_the_sample_is_refused(sample: SequenceTable) -> None:
    with pytest.raises(DataError, match="3612"):
        surface(sample, FACTS, SurfaceSpec(n_tokens=(3612,)).grid(SPEC, PROXIES))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_token": [1]}, "n_tokens"),
        ({"k": [8, 4]}, r"surface\.k = \[8, 4\] must ascend"),
        ({"k": [0]}, r"surface\.k"),
        ({"k": "many"}, r"surface\.k"),
        ({"n_tokens": []}, r"surface\.n_tokens"),
        ({"n_tokens": [1.5]}, r"surface\.n_tokens"),
    ],
)
def test_impossible_grids_are_refused_by_name(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SurfaceSpec.from_mapping(settings)


def test_a_number_is_a_grid_of_one() -> None:
    assert SurfaceSpec.from_mapping({"k": 8, "n_tokens": None}) == SurfaceSpec(None, (8,))
