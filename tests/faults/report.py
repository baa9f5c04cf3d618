"""The results of a campaign as a file, and as the table of docs/reliability.md."""

import json
from collections.abc import Iterable
from pathlib import Path

from semdim.artifacts.shards import write_atomically, write_json
from tests.faults.rows import Row
from tests.faults.whole import AT_ONCE, CACHE, KILLS
from tests.faults.workspace import ROOT

RESULTS = ROOT / "docs" / "reliability.json"
PAGE = ROOT / "docs" / "reliability.md"
#: Trials of the whole pipeline, of which no stride leaves any out.
OF_THE_WHOLE = (KILLS, AT_ONCE, CACHE)
BEGIN, END = "<!-- faults: begin (make faults) -->\n", "<!-- faults: end -->"


def save(rows: Iterable[Row], share: str, whole: str = "all") -> None:
    """Write what was tried, what survived, and what did not; rows of other trials stay.

    Args:
        rows: of this campaign.
        share: which part of all trials of the stages it was, in words.
        whole: the same of the trials of the whole pipeline.
    """
    done = {
        row.what: {
            "what": row.what, "share": whole if row.what in OF_THE_WHOLE else share,
            "tried": row.tried, "survived": row.survived, "seconds": round(row.seconds, 1),
            "failures": row.failures,
        }
        for row in rows
    }  # fmt: skip
    earlier = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    entries = [done.pop(row["what"], row) for row in earlier]
    write_json(RESULTS, {"rows": [*entries, *done.values()]})


def table() -> str:
    """The recorded results as Markdown."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    lines = ["| what was done | of all cases | tried | survived | seconds |"]
    lines.append("|---|---|---|---|---|")
    for row in found["rows"]:
        lines.append(
            f"| {row['what']} | {row['share']} | {row['tried']} | {row['survived']} "
            f"| {row['seconds']:.0f} |"
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
