"""The one writer of CSV: cells that a spreadsheet would run are written as the text that they are.

Names come from users: of corpora, of sources, of probes, of files. Spreadsheets take a cell that
begins with one of ``= + - @``, a tab or a carriage return for a formula, wherever it came from. A
text of that kind is written with an apostrophe before it, which they take for text; `plain` takes
it away when semdim reads its own files. Numbers stay what they are, also where they are text.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def safe(value: object) -> object:
    """A cell as it is written: text that begins like a formula with an apostrophe before it."""
    return f"'{value}" if _is_formula(value) else value


def plain(value: str) -> str:
    """The text of a cell that `safe` wrote."""
    return value[1:] if value.startswith("'") and _is_formula(value[1:]) else value


def csv_text(table: "pd.DataFrame", float_format: str) -> str:
    """A table as CSV, without its index: cells and headings `safe`, lines that end in ``\\n``."""
    import numpy as np

    written = table.rename(columns=safe)
    for place in range(table.shape[1]):
        cells = table.iloc[:, place].tolist()
        if any(map(_is_formula, cells)):
            written.isetitem(place, np.array([*map(safe, cells), None], dtype=object)[:-1])
    return str(written.to_csv(index=False, float_format=float_format, lineterminator="\n"))


def _is_formula(value: object) -> bool:
    if not isinstance(value, str) or not _FORMULA.match(value):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False
