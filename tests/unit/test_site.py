"""The documentation as a site: built strictly, with formulas as pictures, shown in a browser."""

import html
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import semdim
from bench.site.hooks import formula, on_page_markdown, with_braces
from tests.unit.browser import CHROMIUM, NO_CHROMIUM, WIDTHS, Seen, run_chromium, see

ROOT = Path(__file__).parents[2]
PAGES = (
    "index.html",
    "bounds.html",
    "your_own.html",
    "results.html",
    "api.html",
    "settings.html",
    "tutorials/certify_an_sae.html",
)
CHROME = ".md-header, .md-sidebar"
"""The theme's own bar and drawers, which it moves aside."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built strictly: a page that the navigation lacks, a link or an anchor that leads nowhere is
    an error."""
    for package in ("mkdocs", "mkdocstrings_handlers.python"):
        pytest.importorskip(package, reason=f"{package} is not installed here: extra dev")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_of_the_docs_is_in_the_site(site: Path) -> None:
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert pages == {path.stem for path in site.glob("*.html")} - {"404"}


def test_every_public_name_has_its_docstring_on_the_page_of_the_api(site: Path) -> None:
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### \[semdim\.(\w+)\]", page, re.M)) == sorted(semdim.__all__)
    shown = html.unescape((site / "api.html").read_text(encoding="utf-8"))
    assert ":::" not in shown and "<!-- api" not in shown
    for name in semdim.__all__:
        first = inspect.getdoc(getattr(semdim, name)).split("\n")[0]  # type: ignore[union-attr]
        assert first.split("`")[0] in shown, name


def test_every_formula_is_a_picture(site: Path) -> None:
    text = (site / "bounds.html").read_text(encoding="utf-8")
    assert text.count('<img class="tex"') > 200
    assert not re.findall(r"<code>[^<]*\\[a-z][^<]*</code>", text)


def test_no_page_names_a_script_or_style_of_another_host(site: Path) -> None:
    for path in site.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        found = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="?(https?:[^">\s]+)', text)
        assert found == [], path.name


@pytest.fixture(scope="module", params=PAGES)
def page(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Seen]:
    """A page on every screen."""
    return see(site / request.param, tmp_path_factory.mktemp("browser"), ignored=CHROME)


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_fits_its_screen(page: dict[int, Seen], width: int) -> None:
    seen = page[width]
    assert seen.wide == [] and seen.page <= width
    assert seen.errors == [] and seen.console == []
    assert seen.without_alt == [] and seen.broken == []
    assert [n for n in seen.resources if not n.startswith(("data:", "file:"))] == []


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
@pytest.mark.parametrize(("preferred", "scheme"), [(1, "default"), (0, "slate")])
def test_a_page_is_as_light_or_dark_as_the_reader_prefers(
    site: Path, preferred: int, scheme: str, tmp_path: Path
) -> None:
    setting = f"--blink-settings=preferredColorScheme={preferred}"  # 0 is dark
    done = run_chromium(site / "layers.html", tmp_path, setting)
    body = re.search(r"<body[^>]*>", done.stdout)
    assert body is not None and f'data-md-color-scheme="{scheme}"' in body[0]


@pytest.mark.parametrize(
    ("tex", "same"),
    [
        (r"\frac1n", r"\frac{1}{n}"),
        (r"\sqrt N", r"\sqrt{N}"),
        (r"\binom mP", r"\binom{m}{P}"),
        (r"\frac{a}\delta", r"\frac{a}{\delta}"),
        (r"\sqrt{\frac12}", r"\sqrt{\frac{1}{2}}"),
        (r"x_{t-1}", r"x_{t-1}"),
    ],
)
def test_braces_are_put_about_single_signs(tex: str, same: str) -> None:
    assert with_braces(tex) == same


def test_a_formula_keeps_its_words_and_what_cannot_be_drawn_stays() -> None:
    assert 'alt="k \\ln(em/k)"' in formula(r"k \ln(em/k)")
    assert formula(r"\nosuchthing{x}").startswith("<code>")


def test_code_is_left_alone_and_links_out_of_the_docs_become_words(tmp_path: Path) -> None:
    config = {"docs_dir": str(tmp_path)}
    text = "`$x$` and [there](../README.md), [here](a.md)\n```\n$y$\n```\n"
    assert on_page_markdown(text, None, config) == (
        "`$x$` and there, [here](a.md)\n```\n$y$\n```\n"
    )


def test_formulas_have_no_spaces_that_github_takes_for_escapes() -> None:
    for path in (ROOT / "docs").glob("*.md"):
        for found in re.findall(r"\$\$.+?\$\$|\$[^$\n]+?\$", path.read_text(), re.S):
            assert not re.search(r"\\[,;!]", found), f"{path.name}: {found}"
