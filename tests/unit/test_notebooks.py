"""The tutorials give what they are kept with, and a notebook that does not is found."""

from pathlib import Path

import pytest

from bench.site.notebooks import as_markdown, read, run, same, texts, tutorials
from tests.kept_text import is_here

TUTORIALS = tutorials(Path(__file__).parents[2] / "docs/tutorials")


def cells(*sources: str) -> dict:
    """A notebook of code cells."""
    made = [{"cell_type": "code", "source": [source], "outputs": []} for source in sources]
    return {"cells": [{"cell_type": "markdown", "source": ["# Title"]}, *made]}


def test_there_are_two_tutorials() -> None:
    assert [path.stem for path in TUTORIALS] == ["certify_an_sae", "is_my_text_ood"]


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_gives_the_outputs_that_it_is_kept_with(path: Path) -> None:
    kept = read(path)
    for at, (old, new) in enumerate(zip(texts(kept), texts(run(kept)), strict=True), 1):
        advice = "run `python -m bench.site.notebooks --write`"
        assert not is_here() or same(old, new), f"cell {at}; {advice}:\n{new}"


def test_a_cell_gives_what_it_prints_and_its_last_value() -> None:
    fresh = run(cells("x = 2\nprint('two', x)\nx + 1", "y = x", "x * 2"))
    assert texts(fresh) == ["two 2\n3", "", "4"]
    assert [cell.get("execution_count") for cell in fresh["cells"]] == [None, 1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        run(cells("1 / 0"))


def test_outputs_differ_by_words_and_by_numbers_beyond_rounding() -> None:
    assert same("mean 1.2345 of 1,000", "mean 1.2346  of 1,000")
    assert same("change −0.0251", "change -0.0251") is True
    assert not same("mean 1.2345", "mean 1.2445")
    assert not same("change 0.0251", "change −0.0251")
    assert not same("mean 1.2345", "median 1.2345")
    assert not same("3 values", "4 values")
    assert not same("1 2", "1 2 3")


def test_a_page_has_text_code_and_outputs() -> None:
    table = "class T:\n    def _repr_html_(self):\n        return '<p>\\n\\n1</p>'\nT()"
    assert as_markdown(run(cells("print('a line')", table))) == (
        "# Title\n\n```python\nprint('a line')\n```\n\n```text\na line\n```\n\n"
        f'```python\n{table}\n```\n\n<div class="output">\n<p>\n1</p>\n</div>\n'
    )
