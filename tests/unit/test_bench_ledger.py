"""The bench of large ledgers: its engines agree, and the page says what was measured."""

import json
from pathlib import Path

import numpy as np
import pytest
from bounds_factory import sample
from test_ledger_stream import written

from bench.engines import by_acero, by_stream
from bench.large_ledger_page import BEGIN, END, WANTED, continued, lines, write_page

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_arrows_engine_and_the_stream_agree_with_pandas(tmp_path: Path) -> None:
    rows, _ = sample(40)
    path = written(rows, tmp_path / "ledger.parquet", part_rows=300)
    found, other = by_stream(path), by_acero(path)
    names = [name for name in rows if name.startswith("nll_")]
    assert list(found) == list(other) == names
    for name in names:
        per_sequence = rows.astype({name: np.float64}).groupby("sequence")
        expected = per_sequence[["document", name]].mean().groupby("document")[name].mean()
        for answer in (found, other):
            np.testing.assert_allclose(answer[name], expected, rtol=1e-12)


def test_the_page_is_what_was_measured(tmp_path: Path) -> None:
    text = (DOCS / "ledger.md").read_text(encoding="utf-8")
    (tmp_path / "ledger").mkdir()
    measured = (DOCS / "ledger" / "measured.json").read_text(encoding="utf-8")
    (tmp_path / "ledger" / "measured.json").write_text(measured, encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    (tmp_path / "ledger.md").write_text(f"{before}{BEGIN}\n{END}{after}", encoding="utf-8")
    assert write_page(tmp_path).read_text(encoding="utf-8") == text


def test_sizes_are_continued_on_a_line_and_marked() -> None:
    measured = json.loads((DOCS / "ledger" / "measured.json").read_text(encoding="utf-8"))
    rows = [
        {**measured["sizes"][0], "n_tokens": n, "assemble_bound": part, "measure_uncertainty": part}
        for n, part in (
            (10**6, {"seconds": 3.0, "peak_bytes": 5e8}),
            (3 * 10**6, {"seconds": 7.0, "peak_bytes": 6e8}),
        )
    ]
    assert continued(rows, "assemble_bound", "seconds") == pytest.approx(1 + 2 * WANTED / 10**6)
    text = "\n".join(lines({**measured, "sizes": rows}))
    assert "**extrapolated**" in text and "201 s" in text
    assert "extrapolated" not in "\n".join(lines({**measured, "sizes": rows[:1]}))
