"""What README and docs say of results is what the results say."""

import shutil
from pathlib import Path

import pytest

from semdim.errors import ArtifactError, ConfigError
from semdim.results.pages import END, PARTS, Repository, in_step, out_of_step, pages, table

ROOT = Path(__file__).resolve().parents[2]
HERE = Repository(ROOT)
COMMAND = "(python -m semdim.results.pages --write)"


def test_every_page_says_what_the_results_say() -> None:
    assert not out_of_step(ROOT), "run `python -m semdim.results.pages --write`"
    assert {path.name for path in pages(ROOT)} >= {"README.md", "ood.md"}


def test_every_part_stands_on_a_page() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in pages(ROOT))
    assert [name for name in PARTS.names() if f"<!-- part: {name} " not in text] == []


def test_an_edited_figure_is_found_and_mended(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copytree(ROOT / "docs/ood", tmp_path / "docs/ood")
    shutil.copyfile(ROOT / "docs/energy.csv", tmp_path / "docs/energy.csv")
    page = tmp_path / "docs/ood.md"
    text = (ROOT / "docs/ood.md").read_text(encoding="utf-8")
    page.write_text(text, encoding="utf-8")
    assert out_of_step(tmp_path) == {}
    k = f"{HERE.probes('docs/ood')[0].verdict['mean_n_active']['python']:.1f}"
    assert f"| {k} |" in text
    page.write_text(text.replace(f"| {k} |", "| 99.9 |"), encoding="utf-8")
    assert out_of_step(tmp_path) == {page: text}
    # Another result: the page follows it, without a word of the prose changed.
    file = tmp_path / "docs/ood/probes/smollm2-135m_layer15/sparsity.csv"
    file.write_text(file.read_text().replace("english,without_bos", "english,without", 1))
    with pytest.raises(KeyError):
        out_of_step(tmp_path)


def test_a_part_without_end_or_name_or_results_is_refused(tmp_path: Path) -> None:
    begin = f"<!-- part: ood_sparsity {COMMAND} -->"
    assert in_step("nothing to do", HERE) == "nothing to do"
    for page in (f"{begin}\nnever ends", f"{begin}\n{begin}\n{END}"):
        with pytest.raises(ArtifactError, match="lacks its end"):
            in_step(page, HERE)
    with pytest.raises(ConfigError, match="part of a page 'ood_sparsty' is unknown"):
        in_step(f"<!-- part: ood_sparsty {COMMAND} -->\n{END}", HERE)
    with pytest.raises(ArtifactError, match="holds no probe results"):
        in_step(f"{begin}\n{END}", Repository(tmp_path))


def test_a_table_escapes_what_would_be_a_column() -> None:
    assert table(["|Δk|"], [["1"]]) == "| \\|Δk\\| |\n| --- |\n| 1 |"
