"""How tests are shared out among workers: see tests/scheduling.py."""

import os
from types import SimpleNamespace

import pytest

from stages import ROOT
from tests.scheduling import QUICK, SECONDS, is_quick, missing, order, schedule, unit


def test_a_file_is_one_unit_and_a_pipeline_test_with_its_own_copy_is_another():
    smoke = "tests/pipeline/test_smoke.py"
    assert unit(f"{smoke}::test_a", ["fresh", "first_run"]) == f"{smoke}::test_a"
    assert unit(f"{smoke}::test_b", ["clone", "first_run"]) == smoke
    assert unit("tests/unit/test_axes.py::test_c", ["tmp_path"]) == "tests/unit/test_axes.py"


LONGEST = sorted((path for path in SECONDS if "/pipeline/" not in path), key=SECONDS.get)[-2:]


def test_the_first_run_comes_first_and_what_is_short_last():
    names = [
        "tests/unit/test_axes.py::a", "tests/pipeline/test_smoke.py::b", f"{LONGEST[0]}::c",
        f"{LONGEST[1]}::d", "tests/pipeline/test_probes.py::e", "tests/unit/test_new.py::f",
    ]  # fmt: skip
    assert [name[-1] for name in sorted(names, key=order)] == list("edcbaf")


def test_quick_leaves_out_what_takes_seconds():
    assert is_quick(ROOT / "tests/unit/test_axes.py") and is_quick(ROOT / "tests/unit/test_new.py")
    assert is_quick(ROOT / "tests/unit") and is_quick(ROOT / "src/semdim/axes.py")
    assert not is_quick(ROOT / LONGEST[0])
    assert sum(seconds for seconds in SECONDS.values() if seconds <= QUICK) < 150


def test_every_test_gets_a_unit():
    marked = {}
    items = [
        SimpleNamespace(
            nodeid=name, fixturenames=[],
            add_marker=lambda mark, name=name: marked.update({name: mark}),
        )
        for name in ("tests/unit/test_b.py::x", "tests/unit/test_a.py::y", f"{LONGEST[0]}::z")
    ]  # fmt: skip
    schedule(items, str)
    assert marked == {item.nodeid: item.nodeid.partition("::")[0] for item in items}
    assert [item.nodeid[-1] for item in items] == ["z", "x", "y"]


def test_the_files_that_are_named_exist():
    assert not missing(ROOT)


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="groups are those of xdist")
def test_the_units_are_in_force(request):
    """pytest 9.2 ignored them without a word: fixtures were made twice, and a file's tests met
    in two clones what they expected in one."""
    if not request.config.getoption("loadgroup"):
        pytest.skip("needs --dist loadgroup, as in `make test`")
    unit_of_this = request.node.get_closest_marker("xdist_group").args[0]
    assert request.node.nodeid.endswith(f"@{unit_of_this}")
