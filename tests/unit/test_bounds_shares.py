"""Parts of δ: they sum to δ at most, what is quoted gets its own, points of a sweep keep theirs."""

import math
from dataclasses import replace

import pandas as pd
import pytest
from bounds_factory import FACTS, FORMER, TOPK, sample
from hypothesis import given
from hypothesis import strategies as st

from semdim.bounds.assemble import assemble_ledger
from semdim.bounds.budget import paid_for
from semdim.bounds.predeclared import shared
from semdim.bounds.shares import Declared, PointShare, weights
from semdim.bounds.spec import BoundSpec
from semdim.bounds.validation import divided
from semdim.errors import ConfigError

PART = st.none() | st.floats(0.01, 0.99)


@given(
    sizes=st.sets(st.integers(1, 10**6), min_size=1, max_size=6).map(sorted),
    smoothings=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6, unique=True),
    size_weight=PART,
    smoothing_weight=PART,
    at_every=st.booleans(),
    has_main=st.booleans(),
    every_smoothing=st.booleans(),
)
def test_the_parts_of_all_points_sum_to_one(
    sizes: list[int],
    smoothings: list[float],
    size_weight: float | None,
    smoothing_weight: float | None,
    at_every: bool,
    has_main: bool,
    every_smoothing: bool,
) -> None:
    main = smoothings[0] if has_main else None
    declared = Declared(
        tuple(sizes), tuple(smoothings), main, size_weight, smoothing_weight, at_every
    )
    looked_at = smoothings if every_smoothing or main is None else [main]
    points = [(n, a) for a in looked_at for n in declared.sizes_at(a)]
    shares = [
        declared.shares(n, a, every_size=True, every_smoothing=every_smoothing) for n, a in points
    ]
    assert math.fsum(share.here.weight for share in shares) == pytest.approx(1.0)
    assert {share.here.n_points for share in shares} == {len(points)}
    alone = [
        declared.shares(sizes[-1], a, every_size=False, every_smoothing=every_smoothing)
        for a in looked_at
    ]
    assert math.fsum(share.here.weight for share in alone) == pytest.approx(1.0)
    assert math.fsum(share.at_all_n.weight for share in alone) == pytest.approx(1.0)


def test_what_is_quoted_gets_its_part() -> None:
    assert weights((1000, 2000, 5000), 5000, 0.75) == {1000: 0.125, 2000: 0.125, 5000: 0.75}
    assert weights((1000, 2000), 2000, None) == {1000: 0.5, 2000: 0.5}
    assert weights((0.5,), 0.5, 0.75) == {0.5: 1.0}
    spec = BoundSpec(n_tokens=(1000, 2000), smoothing_grid=(0.1,))
    assert spec.declared.n_points == spec.n_choices == 3
    assert spec.at(2000, 0.5).shares.here.weight == 0.5 * 0.75
    assert spec.at(1000, 0.5).shares.here.weight == 0.5 * 0.25
    assert spec.at(2000, 0.1).shares.here.weight == 0.5  # the largest N is the only one there
    assert spec.at(2000, 0.5, every_smoothing=False).shares.here.weight == 0.75
    every = replace(spec, smoothing_grid_at="every")
    assert every.at(2000, 0.1).shares.here.weight == 0.5 * 0.75
    unpaid = replace(spec, pay_for_n_grid=False)
    assert unpaid.at(1000, 0.5).shares.here.weight == 0.5
    equal = replace(spec, n_predeclared=25).at(1000, 0.1).shares.here
    assert equal == PointShare(0.04, 25)


def test_a_part_is_named_and_checked() -> None:
    assert divided(0.05, PointShare(0.25, 7)) == 0.0125
    assert divided(0.05, 4) == 0.0125
    assert paid_for("the risk", PointShare()) == paid_for("the risk", 1) == "the risk"
    assert paid_for("the risk", 7) == "the risk, 1 of 7 predeclared points"
    assert paid_for("the risk", PointShare(1 / 7, 7)) == "the risk, 1 of 7 predeclared points"
    words = "the risk, 1 of 7 predeclared points, with 0.75 of δ"
    assert paid_for("the risk", PointShare(0.75, 7)) == words
    assert PointShare(0.5, 2).among(5) == PointShare(0.1, 10)
    for weight in (0.0, 1.5):
        with pytest.raises(ConfigError, match="must lie in"):
            divided(0.05, PointShare(weight, 2))


@pytest.mark.parametrize(
    "grid",
    [
        {"smoothing_grid": (0.1, 0.02)},
        {"smoothing_grid": (0.1,), "smoothing_grid_at": "every", "smoothing_weight": None},
        {"smoothing_grid": (), "n_weight": None},
        {"smoothing_grid": (0.1,), "method": "betting_sequence"},
    ],
)
def test_points_of_a_sweep_over_n_are_those_of_the_whole_grid(grid: dict) -> None:
    """To the digit, risk_by_sparsity and the other α among them: whatever family it is."""
    ledger, max_rank = sample(60)
    spec = BoundSpec(n_tokens=(480, 960, 1440), topk_grid=TOPK, pool_sizes=(64,), **grid)
    whole = pd.DataFrame(
        [b.to_row() for b in assemble_ledger(ledger, FACTS, spec, max_rank=max_rank)]
    )
    rows = []
    for n_tokens in spec.n_tokens:
        told = shared({"bound.n_tokens": list(spec.n_tokens)}, {"smoothing_grid": []})
        alone = replace(
            spec, n_tokens=(n_tokens,), declared_n_tokens=tuple(told["declared_n_tokens"])
        )
        rows += [b.to_row() for b in assemble_ledger(ledger, FACTS, alone, max_rank=max_rank)]
    keys = ["smoothing", "family", "n_tokens", "method", "proxy", "k", "share_above"]
    points = pd.DataFrame(rows)[whole.columns]
    left, right = (t.sort_values(keys).reset_index(drop=True) for t in (points, whole))
    pd.testing.assert_frame_equal(left, right)


def test_points_of_a_sweep_over_alpha_spend_no_more_than_delta() -> None:
    ledger, _ = sample(60)
    swept = {"bound.smoothing": [0.5, 0.1, 0.02], "bound.n_tokens": [480, 1440]}
    told = shared(swept, {"smoothing_grid": [0.2]})
    spent: dict[str, float] = {}
    for smoothing in swept["bound.smoothing"]:
        for n_tokens in swept["bound.n_tokens"]:
            spec = BoundSpec.from_mapping(
                {"topk_grid": [4], "smoothing": smoothing, "n_tokens": n_tokens, **told}
            )
            for bound in assemble_ledger(ledger, FACTS, spec):
                if bound.is_certificate and bound.family != "srm_topk_frontier":
                    name = f"{bound.family} {bound.method} {bound.proxy}"
                    free = bound.valid_for_all_n and n_tokens < 1440
                    spent[name] = spent.get(name, 0.0) + (0.0 if free else bound.budget.spent)
    assert max(spent.values()) <= 0.05 * (1 + 1e-9)
    assert spent["holdout betting model"] == pytest.approx(0.05)
    assert spent["faithfulness betting sae"] == pytest.approx(0.05)
    # all bins together, and all shares of the documents
    assert spent["risk_by_sparsity betting model"] == pytest.approx(0.05)
    assert spent["faithfulness_quantile binomial sae"] == pytest.approx(0.05)


def test_what_a_point_computes_must_be_declared() -> None:
    with pytest.raises(ConfigError, match="declared_n_tokens lacks 1000"):
        BoundSpec(n_tokens=(1000,), declared_n_tokens=(2000,))
    with pytest.raises(ConfigError, match=r"declared_smoothings lacks 0\.5"):
        BoundSpec(smoothing_grid=(), declared_smoothings=(0.1,))


def test_no_family_spends_more_than_delta() -> None:
    """Summed over all its rows: every N, every α, every k, bin and share at once."""
    ledger, max_rank = sample(60)
    for settings in ({}, {"smoothing_grid_at": "every"}, {"n_weight": None}, FORMER):
        spec = BoundSpec(n_tokens=(480, 960, 1440), topk_grid=TOPK, pool_sizes=(64,), **settings)
        spent: dict[tuple[str, str | None], float] = {}
        for b in assemble_ledger(ledger, FACTS, spec, max_rank=max_rank):
            if b.is_certificate and not b.valid_for_all_n:
                key = (b.family, b.method)
                spent[key] = spent.get(key, 0.0) + b.budget.spent
        assert max(spent.values()) <= 0.05 * (1 + 1e-9), spent
        assert spent["srm_topk", "betting"] == pytest.approx(spent["srm_topk_frontier", "betting"])
