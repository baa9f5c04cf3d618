"""The results of a campaign as a file, and as the table of docs/reliability.md."""

import json
from collections.abc import Iterable
from pathlib import Path

from semdim.artifacts.shards import write_atomically, write_json
from tests.faults.campaign import Row
from tests.faults.workspace import ROOT

RESULTS = ROOT / "docs" / "reliability.json"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: begin (make faults) -->\n", "<!-- faults: end -->"


def save(rows: Iterable[Row], size: str) -> None:
    """Write what was tried, what survived, and what did not.

    size: which part of all trials it was, in words.
    """
    entries = [
        {
            "what": row.what, "tried": row.tried, "survived": row.survived,
            "seconds": round(row.seconds, 1), "failures": row.failures,
        }
        for row in rows
    ]  # fmt: skip
    write_json(RESULTS, {"size": size, "rows": entries})


def table() -> str:
    """The recorded results as Markdown."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    lines = [f"{found['size']}\n", "| what was done | tried | survived | seconds |"]
    lines.append("|---|---|---|---|")
    for row in found["rows"]:
        lines.append(
            f"| {row['what']} | {row['tried']} | {row['survived']} | {row['seconds']:.0f} |"
        )
    failures = [sentence for row in found["rows"] for sentence in row["failures"]]
    if failures:
        lines += [
            "\nWhat did not survive:\n",
            *(f"* {' '.join(text.split())}" for text in failures),
        ]
    return "\n".join(lines) + "\n"


def in_step(page: str) -> str:
    """The page with the recorded results between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def document(path: Path = PAGE) -> None:
    """Write the table into the page."""
    write_atomically(path, in_step(path.read_text(encoding="utf-8")))
