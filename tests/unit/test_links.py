"""The links of README, docs and cards lead somewhere, and a link that does not is found."""

from pathlib import Path

import pytest

from bench.site.links import broken, pages, slug, targets

ROOT = Path(__file__).parents[2]


def test_every_link_of_the_repository_leads_somewhere() -> None:
    assert {"README.md", "docs/bounds.md"} <= {str(p.relative_to(ROOT)) for p in pages(ROOT)}
    assert [str(link) for link in broken(ROOT)] == []


def test_what_leads_nowhere_is_found(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    (root / "docs").mkdir(parents=True)
    (tmp_path / "outside.md").write_text("# Outside\n")
    (root / "docs/b.md").write_text('# Twice\n\n# Twice\n\n<a id="own"></a>\n\n```\n# Code\n```\n')
    (root / "page.html").write_text('<h2 id="there">There</h2>')
    (root / "README.md").write_text(
        "# One word\n"
        "[1](docs/b.md#twice-1) [2](docs/b.md#own) [3](#one-word) [4](page.html#there)\n"
        "[5](https://example.org/nothing) `[6](nowhere.md)`\n"
        "```\n[7](nowhere.md)\n```\n"
        "[a](nowhere.md) ![b](docs/none.png) [c](docs/b.md#code) [d](#two-words)\n"
        '[e](../outside.md) <img src="none.svg" alt="f"> [g](page.html#here) [h][x]\n\n'
        "[x]: docs/none.md\n"
    )
    assert [link.target for link in broken(root)] == [
        "nowhere.md", "docs/none.png", "docs/b.md#code", "#two-words", "../outside.md", "none.svg",
        "page.html#here", "docs/none.md",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Five words", "five-words"),
        ("What is exact, and up to where?", "what-is-exact-and-up-to-where"),
        ("`semdim.measure` and [its ledger](ledger.md)", "semdimmeasure-and-its-ledger"),
        ("k, α and δ_n", "k-α-and-δ_n"),
    ],
)
def test_a_heading_has_the_anchor_that_github_gives_it(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor


def test_links_are_told_from_code() -> None:
    text = 'Text [a](b.md "title") and ``[c](d.md)``.\n\n[![e](f.png)](g.md)\n<!-- [h](i.md) -->\n'
    assert targets(text) == ["b.md", "f.png", "g.md"]
