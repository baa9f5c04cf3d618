"""Cells that come from a user's names are no formulas, and are read back as they were."""

import ast
import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semdim.plots.tabulate import Table
from semdim.results.cells import csv_text, plain, safe
from semdim.results.read import read_probe

ROOT = Path(__file__).parents[2]
FORMULA = '=HYPERLINK("http://example.org","x")'


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_written_as_text(begin: str) -> None:
    for name in (f"{begin}SUM(A1)", f"'{begin}x", begin):
        assert safe(name) == f"'{name}" and plain(f"'{name}") == name


@pytest.mark.parametrize(
    "value", ["english", "a=b", "", "'tis", "-0.5", "+1e-5", "-inf", "-1", -1.5, None, True, "−x"]
)
def test_numbers_and_other_text_stay(value: object) -> None:
    assert safe(value) == value
    if isinstance(value, str):
        assert plain(value) == value


@given(st.text(alphabet="'=+-@\t1ab ", max_size=6))
def test_what_is_written_is_read_back(name: str) -> None:
    written = safe(name)
    assert isinstance(written, str) and plain(written) == name
    assert not written.startswith(("=", "@", "\t")) and written[:2] not in ("-a", "+a", "--")


def test_a_table_with_such_names_and_headings() -> None:
    table = pd.DataFrame(
        {
            "corpus": ["=1+1", "english"],
            "kind": pd.Categorical(["@x", "y"]),
            "-x": [-1.5, float("nan")],
            "n": [1, -2],
        }
    )
    before = table.copy()
    rows = list(csv.reader(io.StringIO(csv_text(table, "%.6g"))))
    assert rows == [
        ["corpus", "kind", "'-x", "n"], ["'=1+1", "'@x", "-1.5", "1"], ["english", "y", "", "-2"],
    ]  # fmt: skip
    pd.testing.assert_frame_equal(table, before)


def test_a_table_without_them_is_what_pandas_writes() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=9), "name": [f"n, {i}" for i in range(9)]})
    table = table.assign(flag=[True, None] * 4 + [False], two=pd.array([1, None] * 4 + [2]))
    for form in ("%.6g", "%.8g"):
        assert csv_text(table, form) == table.to_csv(
            index=False, float_format=form, lineterminator="\n"
        )


def test_results_with_such_names_are_read_as_they_were(tmp_path: Path) -> None:
    row = {"corpus": FORMULA, "positions": "all", "n_tokens": 5, "mean": 1.0, "std": 0.0, "max": 1}
    (tmp_path / "sparsity.csv").write_text(csv_text(pd.DataFrame([row]), "%.6g"))
    assert "\n'=" in (tmp_path / "sparsity.csv").read_text().replace('"', "")
    assert read_probe(tmp_path).corpora == [FORMULA]
    data = pd.DataFrame([{"corpus": FORMULA}])
    (path, _) = Table("t", "T", ["corpus"], [[FORMULA]], data).write(tmp_path)
    assert path.read_text().splitlines()[1].startswith("\"'=")


def test_there_is_no_second_writer() -> None:
    """Only these make CSV: the writer, and two that do without pandas and make cells safe."""
    found = set()
    for folder in ("src", "stages", "bench", "training", "examples"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr in (
                    "to_csv", "DictWriter", "writer"
                ):  # fmt: skip
                    owner = node.value.id if isinstance(node.value, ast.Name) else ""
                    if node.attr == "to_csv" or owner == "csv":
                        found.add(path.relative_to(ROOT).as_posix())
    assert found == {
        "src/semdim/results/cells.py", "src/semdim/commands/compare.py", "src/semdim/rank/write.py",
    }  # fmt: skip


def test_names_of_a_ranking_are_safe_too(tmp_path: Path) -> None:
    from semdim.rank.write import DOCUMENTS, _text, read_documents

    (tmp_path / DOCUMENTS).write_text(_text([["document", "=1+1"], [0, 0.5], [1, -0.25]]))
    assert (tmp_path / DOCUMENTS).read_text() == "document,'=1+1\n0,0.5\n1,-0.25\n"
    assert read_documents(tmp_path)["=1+1"].tolist() == [0.5, -0.25]
