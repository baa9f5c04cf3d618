"""Plans of runs that are not here: rates are the bench's, and the simulation does what it says."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import scale as bench_scale
from semdim.scale.devices import (
    DEVICES,
    H100,
    MEASURED,
    Measured,
    efficiency,
    flop_per_second,
)
from semdim.scale.simulate import Cluster, simulate

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "scale"


@pytest.mark.parametrize("run", MEASURED, ids=lambda run: run.subject)
def test_measured_rates_are_those_of_the_bench(run: Measured) -> None:
    result = json.loads((ROOT / f"docs/performance/{run.subject}_cuda.json").read_text())
    assert result["machine"]["device"] == H100
    speed = result["speed"]
    assert run.flop_per_token == speed["flop_per_token"]
    rate = speed["contenders"]["semdim bfloat16"]["tokens_per_second"]["median"]
    assert run.tokens_per_second == rate


def test_a_rate_lies_between_those_that_were_measured() -> None:
    small, large = MEASURED
    measured = next(device for device in DEVICES if device.name == H100)
    for run in MEASURED:
        found = flop_per_second(measured, run.flop_per_token) / run.flop_per_token
        assert found == pytest.approx(run.tokens_per_second, rel=1e-12)
    assert efficiency(1.0) == efficiency(small.flop_per_token)
    assert efficiency(1e15) == efficiency(large.flop_per_token)
    assert efficiency(small.flop_per_token) < efficiency(2e9) < efficiency(large.flop_per_token)


def test_without_chance_the_makespan_is_arithmetic() -> None:
    found = simulate(10, 7.0, (1.0,), Cluster(4, start_seconds=5.0))
    assert found.makespan == 5.0 + 3 * 7.0
    assert found.efficiency == pytest.approx(10 * 7.0 / (4 * found.makespan))
    slow = Cluster(2, start_seconds=0.0, straggler_share=0.5, straggler_factor=3.0)
    # One worker takes 3 s a shard, the other 1 s: of four shards, three are the quick one's.
    assert simulate(4, 1.0, (1.0,), slow).makespan == 3.0


@given(
    st.integers(1, 40),
    st.integers(1, 12),
    st.lists(st.floats(0.5, 3.0), min_size=1, max_size=5),
    st.sampled_from([0.02, 1.0, float("inf")]),
)
def test_no_run_beats_its_work(
    n_shards: int, n_workers: int, factors: list[float], hours: float
) -> None:
    cluster = Cluster(n_workers, start_seconds=2.0, hours_between_failures=hours)
    found = simulate(n_shards, 4.0, tuple(factors), cluster, seed=1)
    least = n_shards * 4.0 * min(factors) / n_workers
    assert found.makespan >= 2.0 + max(least, 4.0 * min(factors)) - 1e-9
    assert found.efficiency * n_workers * found.makespan == pytest.approx(n_shards * 4.0)
    assert (found.n_failures == 0) or hours < float("inf")


def test_failures_cost_as_much_as_renewal_theory_says() -> None:
    # A shard of s seconds with failures at rate r and restarts of w takes (1/r + w)(e^{rs} − 1)
    # on average: the classical time to finish under restarts.
    rate, shard, restart, n_shards = 1 / 100.0, 30.0, 12.0, 20_000
    cluster = Cluster(1, start_seconds=restart, hours_between_failures=100.0 / 3600)
    found = simulate(n_shards, shard, (1.0,), cluster, seed=0)
    expected = (1 / rate + restart) * (np.exp(rate * shard) - 1)
    assert found.makespan / n_shards == pytest.approx(expected, rel=0.02)


def test_the_page_is_what_the_simulation_gives() -> None:
    shards = json.loads((PAGE / "shards.json").read_text())
    found = json.loads((PAGE / "makespan.json").read_text())
    assert bench_scale.page(shards, found) == (PAGE / "README.md").read_text(encoding="utf-8")
    factors = bench_scale.factors_of(shards)
    for case in bench_scale.CASES[::3]:
        for row in found[case.label][5::5]:
            cluster = replace(case.cluster, n_workers=row["n_workers"])
            spans = [
                simulate(
                    bench_scale.N_SHARDS, bench_scale.SHARD_SECONDS, factors, cluster, seed
                ).makespan
                for seed in range(bench_scale.N_SEEDS)
            ]
            assert float(np.median(spans)) == row["makespan"]
