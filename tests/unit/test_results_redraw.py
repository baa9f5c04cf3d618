"""Figures of stored results are drawn again from what was stored, and from nothing else."""

import re
from pathlib import Path

import numpy as np
import pytest
from results_factory import proxies_table, sparsity_tables

from semdim.errors import ArtifactError
from semdim.results.redraw import redraw


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """What a repository keeps of a run: few of its tables, few of its figures."""
    folder = tmp_path / "docs/run"
    probe = folder / "probes/one"
    probe.mkdir(parents=True)
    sparsity, _ = sparsity_tables({"english": 58.0, "torn": 61.0}, np.random.default_rng(0))
    sparsity.to_csv(probe / "sparsity.csv", index=False)
    (probe / "params.yaml").write_text("corpora: {torn: {role: near}}")
    proxies_table(risk=5.2, gap=0.21).to_csv(probe / "proxies.csv", index=False)
    for name in ("figures/ablations.png", "figures/roc.png", "tables/table1_sparsity.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("of before")
    (folder / "report.html").write_text("of before")
    return folder


def files(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*.*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def test_what_is_there_is_drawn_again_and_what_lacks_its_data_is_left(stored: Path) -> None:
    before = files(stored)
    done = redraw(stored)
    assert files(stored) == before
    assert (stored / "figures/ablations.png").read_bytes().startswith(b"\x89PNG")
    assert (stored / "tables/table1_sparsity.csv").read_text().startswith("probe,")
    assert (stored / "figures/roc.png").read_text() == "of before"
    assert "measure_uncertainty" in done.left[stored / "figures/roc.png"]
    assert (stored / "report.html").read_text() == "of before"
    assert "roc.png" in done.left[stored / "report.html"]

    (stored / "figures/roc.png").unlink()
    done = redraw(stored, every=True)
    assert done.left == {}
    page = (stored / "report.html").read_text()
    assert re.findall(r'id="figure-(\w+)"', page) == ["ablations"]
    assert "torn (near)" in page  # without setup.json a role is the settings'
    links = re.findall(r'href="((?:tables|probes)/[^"]+)"', page)
    assert links and all((stored / link).is_file() for link in links)
    assert {"figures/ablations.svg", "tables/proxies.md"} <= set(files(stored))
    assert {path.relative_to(stored).as_posix() for path in done.written} <= set(files(stored))


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"holds none of probes, rank.json, curves.csv"):
        redraw(tmp_path)
