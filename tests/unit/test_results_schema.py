"""The schema: what stages write is described, what is not described is refused, the page is it."""

from pathlib import Path

import pandas as pd
import pytest

from semdim.bounds.surface import COLUMNS as SURFACE_COLUMNS
from semdim.errors import ConfigError, DataError
from semdim.ledger.radii import RADII_COLUMNS
from semdim.results.column import Column
from semdim.results.describe import main, page
from semdim.results.read import READ
from semdim.results.schema import TABLES, check_columns, describe_column
from semdim.uncertainty.evaluation import ROC_COLUMNS, UNCERTAINTY_COLUMNS
from semdim.uncertainty.rounding import ROUNDING_COLUMNS
from semdim.uncertainty.table1 import HISTOGRAM_COLUMNS, SPARSITY_COLUMNS

PAGE = Path(__file__).parents[2] / "docs" / "results.md"


@pytest.fixture
def as_it_was():
    """Descriptions that a test adds are gone after it."""
    before = dict(TABLES)
    yield
    TABLES.clear()
    TABLES.update(before)


def test_the_committed_page_is_the_schema():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "docs/results.md is not the schema's page: "
        "python -m semdim.results.describe --write docs/results.md"
    )


def test_the_command_prints_the_page_or_writes_it(tmp_path, capsys):
    main(["--write", str(tmp_path / "page.md")])
    main([])
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == capsys.readouterr().out == page()


def test_every_column_says_what_it_means_and_stands_once():
    for schema in TABLES.values():
        names = [column.name for column in schema.columns]
        assert len(names) == len(set(names)), schema.name
        assert all(column.meaning.strip() for column in schema.columns)
        assert schema.required, f"{schema.name} needs a column"
        assert f"## {schema.name}.csv" in page()
    assert set(READ) <= set(TABLES)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("surface", SURFACE_COLUMNS),
        ("uncertainty", UNCERTAINTY_COLUMNS),
        ("roc", ROC_COLUMNS),
        ("sparsity", SPARSITY_COLUMNS),
        ("radii", RADII_COLUMNS),
        ("rounding", ROUNDING_COLUMNS),
        ("sparsity_histogram", HISTOGRAM_COLUMNS),
    ],
)
def test_what_a_writer_declares_is_exactly_what_is_described(table, columns):
    assert set(columns) == set(TABLES[table].names)


def test_a_column_that_is_not_described_is_refused_by_name():
    rows = pd.DataFrame(columns=["corpus", "left", "right", "count", "colour"])
    with pytest.raises(DataError, match=r"sequence_histogram\.csv would get .*colour"):
        check_columns("sequence_histogram", rows)
    with pytest.raises(DataError, match="no column: right"):
        check_columns("sequence_histogram", rows.drop(columns=["right", "colour"]))
    check_columns("sequence_histogram", rows.drop(columns="colour"))
    with pytest.raises(ConfigError, match=r"'histogram'.*sequence_histogram"):
        check_columns("histogram", rows)


def test_a_curve_may_have_any_name_and_needs_its_axis():
    check_columns("curve", ["n_tokens", "holdout_betting", "anything"])
    with pytest.raises(DataError, match="no column: n_tokens"):
        check_columns("curve", ["holdout_betting"])


def test_a_column_from_outside_is_known_once_it_is_described(as_it_was):
    column = Column("colour", "what the bin looks like", kind="text")
    describe_column("sequence_histogram", column)
    describe_column("sequence_histogram", column)
    check_columns("sequence_histogram", ["corpus", "left", "right", "count", "colour"])
    assert TABLES["sequence_histogram"].of_kind("text") == ("corpus", "colour")
    with pytest.raises(ConfigError, match="'colour' already"):
        describe_column("sequence_histogram", Column("colour", "something else"))
