"""The measured part of docs/ledger.md, from docs/ledger/measured.json."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.marks import write_between

BEGIN = "<!-- measured: begin (python -m bench.large_ledger document docs) -->"
END = "<!-- measured: end -->"
PARTS = ("assemble_bound", "measure_uncertainty")
WANTED = 10**8
"""Tokens that the two largest sizes are continued to."""
HOW = {
    "stream": "Arrow's reader, means by NumPy: what semdim does",
    "acero": "Arrow's query engine (Acero)",
    "duckdb": "DuckDB, SQL",
    "polars": "Polars, streaming engine",
}


def write_page(docs: Path) -> Path:
    """Write what was measured between the marks of docs/ledger.md."""
    found = json.loads((docs / "ledger" / "measured.json").read_text(encoding="utf-8"))
    page = docs / "ledger.md"
    write_between(page, BEGIN, END, "\n".join(lines(found)))
    return page


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The lines about one file of results."""
    yield f"On {found['processor']} ({found['n_cores']} cores), shared with other work."
    if found.get("sizes"):
        yield ""
        yield from _sizes(found["sizes"])
    if "engines" in found:
        yield ""
        yield from _engines(found["engines"])


def _sizes(sizes: list[dict[str, Any]]) -> Iterator[str]:
    first = sizes[0]
    yield (
        f"Synthetic ledgers with {first['n_proxies']} proxies and sequences of {first['context']} "
        "tokens; each stage ran in its own process."
    )
    yield ""
    yield "| tokens in the sample | in the shift | files | assemble_bound | measure_uncertainty |"
    yield "|---|---|---|---|---|"
    for row in sizes:
        cells = [_cell(row[part]["seconds"], row[part]["peak_bytes"]) for part in PARTS]
        yield (
            f"| {row['n_tokens']:,} | {row['n_tokens_of_shift']:,} | "
            f"{row['file_bytes'] / 1e9:.2f} GB | {' | '.join(cells)} |"
        )
    if len(sizes) > 1:
        cells = [
            _cell(*(continued(sizes, part, name) for name in ("seconds", "peak_bytes")))
            for part in PARTS
        ]
        yield f"| {WANTED:,}, **extrapolated** from the last two | | | {' | '.join(cells)} |"


def continued(sizes: list[dict[str, Any]], part: str, name: str) -> float:
    """A number at `WANTED` tokens, on the line through the two largest sizes."""
    (x0, y0), (x1, y1) = ((row["n_tokens"], row[part][name]) for row in sizes[-2:])
    return float(y1 + (WANTED - x1) * (y1 - y0) / (x1 - x0))


def _cell(seconds: float, peak: float) -> str:
    return f"{seconds:,.0f} s, {peak / 1e9:.2f} GB"


def _engines(engines: dict[str, Any]) -> Iterator[str]:
    found, best = engines["found"], min(e["seconds"][0] for e in engines["found"].values())
    yield (
        f"From {engines['n_tokens']:,} tokens to the mean of every loss column per sequence, "
        f"then per document; {engines['n_rounds']} rounds, shortest – longest, each in its own "
        "process:"
    )
    yield ""
    yield "| engine | seconds | times the quickest | peak memory |"
    yield "|---|---|---|---|"
    for name, entry in found.items():
        seconds = entry["seconds"]
        yield (
            f"| {HOW[name]} ({entry['package']}) | {seconds[0]:.1f} – {seconds[-1]:.1f} | "
            f"{seconds[0] / best:.2f} | {entry['peak_bytes'] / 1e6:,.0f} MB |"
        )
    yield ""
    ratio = found["stream"]["seconds"][0] / best
    yield (
        f"Arrow's reader with NumPy takes {ratio:.2f} times as long as the quickest. semdim uses "
        "it because it is already installed, holds one stretch in memory, and gives sequences in "
        "order, so that the running sums of `token_martingale` and NumPy's own means come out the "
        "same to the last bit."
    )
