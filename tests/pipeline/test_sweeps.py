"""Sweeps from the cache: a point is what the pipeline computes, and costs no forward pass."""

from pathlib import Path

import pandas as pd
import pytest

from semdim.paths import Paths
from tests.pipeline.conftest import RESULTS, Clone, stages_run

pytestmark = pytest.mark.slow

SIZES = "bound.n_tokens=320,1600,6400"


def sweep(clone: Clone, out: str, *overrides: str) -> pd.DataFrame:
    done = clone.stage("assemble_bound", "-m", "unit.probe=tiny", f"unit.out={out}", *overrides)
    assert done.returncode == 0, done.stdout + done.stderr
    return pd.read_csv(clone.root / out, dtype=str)


def snapshot(clone: Clone) -> dict[Path, bytes]:
    folder = Paths(clone.root).results("tiny")
    return {path: path.read_bytes() for path in folder.iterdir()}


def test_points_equal_those_of_the_pipeline_to_the_byte(clone: Clone, first_run: str) -> None:
    before = snapshot(clone)
    folder = "multirun/equal"
    rows = sweep(clone, "multirun/equal.csv", SIZES, f"hydra.sweep.dir={folder}")
    assert snapshot(clone) == before  # the pipeline's own results are never touched
    assert rows["bound.n_tokens"].tolist() == ["320", "1600", "6400"]
    points = pd.concat(
        pd.read_csv(clone.root / folder / str(i) / "bounds.csv", dtype=str) for i in range(3)
    )
    pipeline = pd.read_csv(Paths(clone.root).results("tiny") / "bounds.csv", dtype=str)
    points = points[pipeline.columns]
    assert points.to_csv(index=False) == pipeline.to_csv(index=False)
    surface = pd.read_csv(Paths(clone.root).results("tiny") / "surface.csv", dtype=str)
    frontier = pipeline[pipeline["family"] == "srm_topk_frontier"]
    main = (frontier["smoothing"] == "0.5") & (frontier["proxy"] != "sae")
    frontier = frontier[main]
    assert surface["total"].tolist() == frontier["total"].tolist()


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_launchers_compute_the_same_points(clone: Clone, first_run: str, launcher: str) -> None:
    basic = sweep(clone, "multirun/basic.csv", SIZES, "bound.k=4")
    other = sweep(
        clone, f"multirun/{launcher}.csv", SIZES, "bound.k=4", f"hydra/launcher={launcher}"
    )
    assert other.equals(basic)


def test_a_k_that_is_not_cached_is_refused_with_the_command(clone: Clone, first_run: str) -> None:
    out = "multirun/some.csv"
    done = clone.stage("assemble_bound", "-m", "unit.probe=tiny", "bound.k=3,4", f"unit.out={out}")
    assert done.returncode == 1
    assert "topk_3" in done.stderr and "dvc exp run -S 'grid.sweep=[" in done.stderr
    assert "Traceback" not in done.stderr
    assert pd.read_csv(clone.root / out)["bound.k"].tolist() == [4]  # the others are computed


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("bound.k=4", "bound.k=8"), "given twice"),
        (("-m", "hydra/launcher=slurm", "bound.k=4"), "submitit_slurm"),
        (("+corpus=klingon",), "codeparrot"),
    ],
)
def test_a_contradiction_and_an_unknown_choice_are_refused(
    clone: Clone, first_run: str, overrides: tuple[str, ...], message: str
) -> None:
    done = clone.stage("assemble_bound", *overrides, "unit.probe=tiny")
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr


def test_another_n_of_the_surface_computes_no_loss(fresh: Clone, first_run: str) -> None:
    asked = ("-S", "surface.n_tokens=[320,640,1600,3200,6400]", *RESULTS)
    ran = stages_run(fresh.experiment(*asked))
    assert set(ran) == {
        "check_params", "sweep_bound@probe0", "summarise_run@probe0", "gather_results@probe0",
    }  # fmt: skip
    surface = pd.read_csv(Paths(fresh.root).results("tiny") / "surface.csv")
    assert sorted(set(surface["n_tokens"])) == [320, 640, 1600, 3200, 6400]
    assert surface.groupby("n_tokens")["is_best"].sum().tolist() == [1] * 5
    assert fresh.again(*RESULTS) == ["check_params"]  # nothing to do


def test_another_n_of_the_bounds_computes_no_loss(fresh: Clone, first_run: str) -> None:
    asked = ("-S", "bound.n_tokens=[320,640,1600,6400]", *RESULTS)
    ran = stages_run(fresh.experiment(*asked))
    assert set(ran) == {
        "check_params", "assemble_bound@probe0", "sweep_bound@probe0", "summarise_run@probe0",
        "gather_results@probe0",
    }  # fmt: skip


def test_how_numbers_are_tracked_reruns_nothing(fresh: Clone, first_run: str) -> None:
    assert stages_run(fresh.experiment("-S", "tracking=offline")) == ["check_params"]
