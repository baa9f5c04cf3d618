"""Certificates for a user's own numbers: golden values, coverage, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semdim.bounds.concentration import upper_mean
from semdim.bounds.given_values import mean_bound, paired_difference, unit_means
from semdim.errors import ConfigError, DataError
from tests.bad_inputs.case import Refused, command

N_REPEATS, DELTA = 1000, 0.1
MOST = round(N_REPEATS * DELTA + 3 * np.sqrt(N_REPEATS * DELTA * (1 - DELTA)))


def test_golden() -> None:
    # 8 of 10 at δ = 0.05, one side: the 95 % quantile of Beta(9, 2).
    hits = np.array([1.0] * 8 + [0.0] * 2)
    exact = mean_bound(hits, ceiling=1.0, method="exact")
    assert exact.upper == pytest.approx(0.963229, abs=1e-6)
    both = mean_bound(hits, ceiling=1.0, method="exact", side="both")
    assert (both.lower, both.upper) == pytest.approx((0.443905, 0.974789), abs=1e-6)
    # Hoeffding: mean + range · √(ln 20 / 2n), with n = 2 units of 1.5 and 4.
    hoeffding = mean_bound([1.0, 4.0, 2.0], ceiling=9.0, method="hoeffding", units=["a", "b", "a"])
    assert hoeffding.mean == pytest.approx(2.75)
    assert (hoeffding.n_units, hoeffding.n_values, hoeffding.lower) == (2, 3, None)
    assert hoeffding.upper == pytest.approx(min(9.0, 2.75 + 9.0 * np.sqrt(np.log(20.0) / 4.0)))


@settings(max_examples=30)
@given(
    st.lists(st.floats(-1.0, 3.0, width=32), min_size=2, max_size=40),
    st.sampled_from(("betting", "hoeffding", "maurer_pontil")),
)
def test_the_ends_hold_the_mean_and_are_those_of_the_one_sided_bound(
    values: list[float], method: str
) -> None:
    both = mean_bound(values, floor=-1.0, ceiling=3.0, method=method, side="both")
    assert both.lower is not None
    assert -1.0 <= both.lower <= both.mean <= both.upper <= 3.0
    upper = upper_mean(unit_means(np.array(values), None), -1.0, 3.0, 0.025, method)
    assert both.upper == pytest.approx(min(3.0, max(upper, both.mean)))


def test_the_promise_is_kept_for_a_file_that_is_sorted_by_its_values() -> None:
    random = np.random.default_rng(1)
    misses = control = 0
    for _ in range(N_REPEATS):
        values = np.sort(random.uniform(0.0, 1.0, 30))[::-1]
        misses += mean_bound(values, ceiling=1.0, failure_prob=DELTA).upper < 0.5
        # Ascending is what a bound by betting in the order of the file is misled by.
        control += upper_mean(values[::-1], 0.0, 1.0, DELTA, "betting") < 0.5
    assert misses <= MOST
    assert control > MOST


def test_the_interval_of_a_paired_difference_covers() -> None:
    random = np.random.default_rng(2)
    misses = naive = 0
    for _ in range(N_REPEATS):
        # Ten units that are easy or hard as a whole, eight values each; the second is 0.1 lower.
        hard = np.repeat(random.integers(0, 2, 25), 8)
        shift = np.repeat(random.choice([-0.3, 0.1], 25), 8)
        first = 0.3 + 0.3 * hard + random.uniform(0.0, 0.05, 200)
        second = first + shift
        units = np.repeat(np.arange(25), 8).tolist()
        kept = paired_difference(first, second, ceiling=1.0, failure_prob=DELTA, units=units)
        assert kept.lower is not None
        misses += not kept.lower <= -0.1 <= kept.upper
        free = paired_difference(first, second, ceiling=1.0, failure_prob=DELTA)
        assert free.lower is not None
        naive += not free.lower <= -0.1 <= free.upper
    assert misses <= MOST
    assert naive > MOST  # values of one unit are not independent


@pytest.mark.parametrize(
    ("values", "options", "says"),
    [
        ([0.5, 1.5], {}, "1.5 in row 2"),
        ([0.5, float("nan")], {}, "nan in row 2"),
        ([], {}, "non-empty"),
        ([0.5], {"method": "exact"}, "0 or 1"),
        ([0.5, 0.1], {"units": ["a"]}, "2 values, but 1 units"),
    ],
)
def test_values_that_are_refused(values: list[float], options: dict, says: str) -> None:
    with pytest.raises(DataError, match=says):
        mean_bound(values, ceiling=1.0, **options)


def test_settings_that_are_refused() -> None:
    with pytest.raises(ConfigError, match="floor below its ceiling"):
        mean_bound([0.5], ceiling=0.0)
    with pytest.raises(ConfigError, match="method must be one of"):
        mean_bound([0.5], ceiling=1.0, method="student")
    with pytest.raises(ConfigError, match="exact is for shares"):
        paired_difference([0.0], [1.0], ceiling=1.0, method="exact")
    with pytest.raises(DataError, match="same number of values"):
        paired_difference([0.0], [1.0, 1.0], ceiling=1.0)


def _write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_the_command_is_the_function(tmp_path: Path) -> None:
    first = _write(tmp_path / "a.csv", "doc,loss", "x,1", "x,2", "y,3", "z,0.5")
    second = _write(tmp_path / "b.csv", "doc,loss", "z,0.5", "y,2", "x,1.5", "x,2")
    told = json.loads(command("bound", "--losses", first, "--unit", "doc", "--ceiling=9", "--json"))
    expected = mean_bound([1.0, 2.0, 3.0, 0.5], ceiling=9.0, units=list("xxyz"))
    assert told["upper"] == expected.upper
    assert (told["n_units"], told["unit"], told["method"]) == (3, "doc", "betting")
    told = json.loads(
        command("bound", "--paired", first, second, "--unit", "doc", "--ceiling=9", "--json")
    )
    assert told["mean"] == pytest.approx((0.25 - 1.0 + 0.0) / 3)
    shown = command("bound", "--paired", first, second, "--unit", "doc", "--ceiling=9")
    assert "units independent" in shown and "4 values" in shown


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        (("loss", "1", "x"), (), "row 2, expected a finite number"),
        (("loss", "1", "inf"), (), "row 2, expected a finite number"),
        (("loss", "1", "12"), (), "12 in row 2"),
        (("loss",), (), "has no rows"),
        (("a,b", "1,2"), (), "name one by --column"),
        (("a,b", "1,2"), ("--column", "c"), "it has a, b"),
        (("a,b", "1,2"), ("--column", "a", "--unit", "c"), "it has a, b"),
        (("a,b", "1,2,3"), ("--column", "a"), "more cells than the header"),
        (("loss", "1"), ("--failure-prob", "2"), "between 0 and 1"),
        (("loss", "1"), ("--method", "t"), "method must be one of"),
        (("loss", "1"), ("--vocab-size", "9"), "--vocab-size belongs to another use"),
    ],
)
def test_files_and_options_that_are_refused(
    rows: tuple[str, ...], options: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    path = _write(tmp_path / "a.csv", *rows)
    with pytest.raises(Refused, match=says):
        command("bound", "--losses", path, "--ceiling=9", *options)


def test_a_ceiling_is_asked_for_and_pairs_have_to_match(tmp_path: Path) -> None:
    first = _write(tmp_path / "a.csv", "doc,loss", "x,1", "y,3")
    other = _write(tmp_path / "b.csv", "doc,loss", "x,1", "z,3")
    with pytest.raises(Refused, match="the largest possible value"):
        command("bound", "--losses", first, "--unit", "doc")
    with pytest.raises(Refused, match="rows of 'y'"):
        command("bound", "--paired", first, other, "--unit", "doc", "--ceiling=9")
    short = _write(tmp_path / "c.csv", "doc,loss", "x,1")
    with pytest.raises(Refused, match="the same rows in both"):
        command("bound", "--paired", first, short, "--column", "loss", "--ceiling=9")
    with pytest.raises(Refused, match="belongs to --losses or --paired"):
        command("bound", "--column", "loss")
