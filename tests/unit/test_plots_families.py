"""Lines over N: where they cross log2 V, which are certificates, and which one is put forward."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_factory import PROBES, write_probe

from semdim.plots.families import (
    Curve,
    certificates,
    curves,
    family_style,
    main_certificate,
    main_rows,
    published,
)
from semdim.results.read import ProbeResults, read_probe


def line(sizes, totals, baseline=15.0) -> Curve:
    points = pd.DataFrame({"n_tokens": sizes, "total": totals, "baseline": baseline})
    return Curve("as_published", "", "token", False, points)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> ProbeResults:
    folder = tmp_path_factory.mktemp("results") / "synthetic-a"
    return read_probe(write_probe(folder, **PROBES["synthetic-a"]))


@given(
    st.floats(1.0, 10.0),
    st.floats(50.0, 2000.0),
    st.floats(1.05, 20.0),
)
def test_crossing_is_exact_for_a_constant_plus_a_multiple_of_one_over_root_n(risk, cost, step):
    exact = (cost / (15.0 - risk)) ** 2
    sizes = [exact / step, exact * step]
    curve = line(sizes, [risk + cost / math.sqrt(n) for n in sizes])
    assert curve.crossing is not None
    assert curve.crossing.interpolated == pytest.approx(exact, rel=1e-6)
    assert not curve.crossing.is_first_point


def test_a_line_that_ends_above_never_becomes_non_vacuous():
    assert line([100, 1000, 10000], [20.0, 14.0, 15.5]).crossing is None
    assert line([100, 1000], [20.0, 15.0]).crossing is None  # equal is not below


def test_only_the_last_crossing_counts():
    crossing = line([1, 2, 4, 8], [14.0, 16.0, 14.0, 13.0]).crossing
    assert crossing is not None
    assert crossing.n_tokens == 4 and 2 < crossing.interpolated < 4


def test_a_line_that_starts_below_says_so():
    crossing = line([100, 1000], [14.0, 13.0]).crossing
    assert crossing is not None
    assert crossing.is_first_point and crossing.n_tokens == 100
    assert crossing.interpolated == 100


def test_certificates_come_first_and_frontier_rows_are_no_line(model):
    lines = curves(model)
    flags = [curve.is_certificate for curve in lines]
    assert flags == sorted(flags, reverse=True)
    names = {curve.family for curve in lines}
    assert {"as_published", "covering_dudley", "holdout", "srm_topk"} <= names
    assert not names & {"srm_topk_frontier", "faithfulness", "risk_by_sparsity"}
    assert all(curve.points["n_tokens"].is_monotonic_increasing for curve in lines)
    assert {c.family for c in certificates(model)} & {"as_published", "covering_dudley"} == set()


def test_the_main_certificate_is_fixed_beforehand_not_the_smallest(model):
    table = model.table("bounds").copy()
    cheap = table["method"] == "hoeffding"
    table.loc[cheap, "total"] = 0.5
    other = ProbeResults(model.name, {**model.tables, "bounds": table})
    main = main_certificate(other)
    assert main is not None and main.method == "betting"
    table = table[table["method"] != "betting"]
    fallback = main_certificate(ProbeResults(model.name, {**model.tables, "bounds": table}))
    assert fallback is not None and fallback.method == "maurer_pontil"


def test_the_first_smoothing_is_the_one_drawn(model):
    table = model.table("bounds")
    more = table.assign(smoothing=0.1, total=table["total"] - 3.0)
    both = ProbeResults(model.name, {"bounds": pd.concat([table, more], ignore_index=True)})
    assert set(main_rows(both)["smoothing"]) == {0.5}
    main, own = published(both), published(model)
    assert main is not None and own is not None
    assert list(main.points["total"]) == list(own.points["total"])


def test_an_unknown_family_keeps_its_name_and_gets_its_own_colour():
    style = family_style("brand_new_bound")
    assert style.label == "brand new bound"
    assert style.colour not in {family_style(name).colour for name in ("holdout", "srm_topk")}
