"""The report and the monitor's page on a laptop and on a telephone: nothing is wider than its
column, nothing fails, nothing asks another host, no image is without words."""

from pathlib import Path

import pytest
from results_factory import PROBES, write_probe

from semdim.monitor.page import render
from semdim.plots.catalogue import figures
from semdim.report.build import write_report
from semdim.report.made import Made
from tests.unit.browser import CHROMIUM, NO_CHROMIUM, WIDTHS, Seen, see
from tests.unit.monitor_factory import reading

ROOT = Path(__file__).parents[2]
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="504pt" height="260pt" viewBox="0 0 504 260"/>'
)
RESULTS = {"default": ROOT / "results/probes", "two_models": ROOT / "docs/two_models/probes"}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)


def check(seen: Seen, width: int) -> None:
    assert seen.width == width and seen.page <= width
    assert seen.wide == []
    assert seen.errors == [] and seen.console == []
    assert seen.without_alt == [] and seen.broken == []
    assert [name for name in seen.resources if not name.startswith("data:")] == []


def three_probes(folder: Path) -> Path:
    for seed, name in enumerate(("gpt2-small_layer6", "gemma-3-270m_layer9", "llama-3-8b_layer30")):
        write_probe(folder / name, seed, **PROBES[list(PROBES)[seed % len(PROBES)]])
    return folder


@pytest.fixture(scope="module", params=["default", "two_models", "three_probes"])
def report(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Seen]:
    """A report on every screen."""
    folder = tmp_path_factory.mktemp(request.param)
    probes = RESULTS.get(request.param) or three_probes(folder / "probes")
    drawn = folder / "figures"
    drawn.mkdir()
    for name in (name for spec in figures() for name in spec.drawings):
        (drawn / f"{name}.svg").write_text(PICTURE)
    page = folder / "report.html"
    write_report(probes, page, made=Made("2026-11-27", "0123456789", is_changed=True))
    return see(page, folder / "browser")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_fits_its_screen(report: dict[int, Seen], width: int) -> None:
    seen = report[width]
    check(seen, width)
    assert seen.n_images > 5
    if width == max(WIDTHS):
        assert seen.scrolled == []  # every column of every table is in sight


def test_the_page_of_the_monitor_fits_its_screen(tmp_path: Path) -> None:
    page = tmp_path / "monitor.html"
    page.write_text(render(reading()), encoding="utf-8")
    for width, seen in see(page, tmp_path / "browser").items():
        check(seen, width)


def test_what_is_looked_for_is_found(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><html><head></head><body><main style='width:300px'>"
        "<div id='hangs' style='white-space:nowrap'>"
        f"{'a line that is longer than its column ' * 3}</div>"
        "<details><summary>more</summary><div id='folded' style='width:900px'>x</div></details>"
        "<div id='box' style='overflow-x:auto'><div style='width:2000px'>y</div></div>"
        "<img src='https://example.org/a.png'><script>nothing.there</script></main></body></html>"
    )
    seen = see(page, tmp_path / "browser")[min(WIDTHS)]
    assert any("#hangs" in name for name in seen.wide)
    assert any("#folded" in name for name in seen.wide)
    assert any("box" in name for name in seen.scrolled)
    assert len(seen.without_alt) == len(seen.broken) == 1
    assert any("nothing is not defined" in error for error in seen.errors)
    assert any("example.org" in name for name in seen.resources)
