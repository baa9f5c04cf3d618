"""The reference pages leave nothing out: settings, keys of JSON files, columns of the ledger."""

import re
from dataclasses import fields
from pathlib import Path

from semdim.bounds.spec import BoundSpec
from semdim.ledger.table import COLUMNS, PER_PROXY
from semdim.results.pages import PARTS, Repository
from semdim.results.parts.schemas import WHERE, _type
from semdim.results.schemas import RECORDS
from semdim.settings import Settings

HERE = Repository(Path(__file__).resolve().parents[2])


def test_every_setting_has_its_meaning_and_the_default_of_the_run() -> None:
    page = PARTS["settings"](HERE)
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    cells = [re.split(r"(?<!\\) \| ", row.strip("| ")) for row in rows]
    assert [row[0] for row in cells if not row[1].strip()] == []
    sections = set(re.findall(r"^## (\w+)$", page, re.M))
    alone = {row[0].strip("`") for row in cells}
    assert {entry.name for entry in fields(Settings)} - sections - alone == set()
    bound = page.split("\n## bound\n")[1].split("\n## ")[0]
    named = {row[0].strip("`") for row in cells if "| " + row[0] in bound}
    assert {entry.name for entry in fields(BoundSpec)} <= named
    row = "| `failure_prob` | δ: probability with which a certificate may be wrong. | `0.05` |"
    assert row in bound
    for kind in ("jsonl", "parquet", "random", "replaced"):
        assert re.search(rf"^### corpora: {kind}$", page, re.M)
    assert page.count("`text_column`") == 1  # three kinds share it


def test_every_record_and_its_inner_types_are_on_the_page() -> None:
    page = PARTS["schemas"](HERE)
    assert set(WHERE) == set(RECORDS)
    for record in RECORDS.values():
        assert f"## {record.SCHEMA}\n" in page  # type: ignore[attr-defined]
    assert "| `budget` | object with values: number | δ by quantity" in page
    for title in set(re.findall(r"\| (?:list of )?([A-Z]\w+) \|", page)):
        assert f"### {title} of " in page


def test_types_are_told_in_words() -> None:
    assert _type({"anyOf": [{"type": "number"}, {"type": "null"}]}) == "number or null"
    assert _type({"prefixItems": [{"type": "integer"}, {"type": "string"}]}) == "[integer, string]"
    assert _type({"type": "array", "items": {"$ref": "#/$defs/Number"}}) == "list of Number"
    assert _type({"enum": ["upper", "both"]}) == "one of `upper`, `both`"


def test_every_column_of_the_ledger_is_on_its_page() -> None:
    page = PARTS["ledger_columns"](HERE)
    named = re.findall(r"^\| `([\w<>]+)` \|", page, re.M)
    assert named == [*COLUMNS, *(f"{prefix}_<proxy>" for prefix in PER_PROXY)]
