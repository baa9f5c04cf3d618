"""bounds.csv and bound.json of a synthetic ledger, row by row and key by key.

The files in ``golden/`` were written before the families became entries of a registry. After a
change that is meant, ``python tests/unit/test_bounds_golden.py`` writes them again.
"""

import json
from pathlib import Path

import pandas as pd
from bounds_factory import CASES, FACTS, sample

from semdim.bounds.assemble import assemble_ledger
from semdim.bounds.summary import headline
from semdim.results.write_bounds import bounds_table

GOLDEN = Path(__file__).parent / "golden"


def written(float_format: str = "%.8g") -> tuple[str, str]:
    """The rows of every case as CSV, and the headlines as JSON; digits as the pipeline writes."""
    ledger, max_rank = sample()
    tables, headlines = [], {}
    for name, spec in CASES.items():
        bounds = assemble_ledger(ledger, FACTS, spec, max_rank=max_rank)
        table = bounds_table(bounds)
        table.insert(0, "case", name)
        tables.append(table)
        numbers = headline(bounds, spec.smoothing)
        headlines[name] = {
            key: value if value is None or isinstance(value, int) else float(f"{value:.8g}")
            for key, value in numbers.items()
        }
    rows = pd.concat(tables).to_csv(index=False, float_format=float_format, lineterminator="\n")
    return rows, json.dumps(headlines, indent=1) + "\n"


def test_rows_and_headlines_stay_as_they_were() -> None:
    rows, headlines = written()
    assert rows.splitlines() == (GOLDEN / "bounds.csv").read_text("utf-8").splitlines()
    assert headlines == (GOLDEN / "bound.json").read_text("utf-8")


if __name__ == "__main__":
    for name, text in zip(("bounds.csv", "bound.json"), written(), strict=True):
        (GOLDEN / name).write_text(text, encoding="utf-8")
