"""Documents that the study of errors is drawn from: whole ones, at random, within a size."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from ledger_factory import VOCAB_SIZE, make_facts, make_ledger

from semdim.ledger.rows import rows_by_document
from semdim.ledger.stream import LedgerStream
from semdim.ledger.table import with_facts, write_ledger
from semdim.mistakes.drawn import drawn_documents, sampled
from semdim.mistakes.spec import ErrorsSpec
from semdim.mistakes.study import TABLES, ErrorsResult, Settings, measure_errors
from semdim.uncertainty.rows import fit_split

SETTINGS = Settings(
    fit_share=0.5, choice_share=0.3, false_alarm_rate=0.1, smoothing=0.5, seed=0
)  # fmt: skip
ROLES = {"english": "id", "random": "far"}


def study(ledger: object, most_tokens: int = 100_000) -> ErrorsResult:
    spec = ErrorsSpec(
        n_resamples=30, n_thresholds=5, position_bins=2, frequency_bins=2, most_tokens=most_tokens
    )
    ledgers = {"english": ledger, "random": make_ledger(60, 1, shift=20, seed=9)}
    return measure_errors(ledgers, ROLES, spec, SETTINGS, vocab_size=VOCAB_SIZE)  # type: ignore[arg-type]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_all_that_fit_are_taken_and_nothing_is_drawn() -> None:
    tokens, random = make_ledger(10, 2), rng()
    found = sampled(tokens, tokens.columns, len(tokens), random)
    pd.testing.assert_frame_equal(found.rows, tokens)
    assert found.note("english", "most") is None
    assert random.random() == rng().random()


def test_whole_documents_are_drawn_of_each_group_within_its_share() -> None:
    tokens = make_ledger(40, 2)
    groups = np.arange(10), np.arange(10, 40)
    most = len(tokens) // 2
    found = sampled(tokens, ("document", "n_active"), most, rng(), groups)
    assert list(found.rows) == ["document", "n_active"] and len(found.rows) <= most
    drawn = found.rows["document"].unique()
    assert (drawn < 10).sum() == 5 and (drawn >= 10).sum() == 15
    every = rows_by_document(tokens)
    assert all(every[number] == n for number, n in rows_by_document(found.rows).items())
    assert (found.n_documents, found.of_documents, found.of_tokens) == (20, 40, len(tokens))


def test_every_document_is_as_likely_as_any_other() -> None:
    lengths = rows_by_document(make_ledger(8, 1))
    draws = rng()
    times = np.zeros(8)
    for _ in range(2000):
        times[drawn_documents(lengths, np.arange(8), sum(lengths.values()) / 2, draws)] += 1
    assert np.abs(times / 2000 - 0.5).max() < 0.06  # 5 standard errors


def test_one_document_is_drawn_whatever_its_length() -> None:
    lengths = rows_by_document(make_ledger(3, 5))
    assert len(drawn_documents(lengths, np.arange(3), 1, rng())) == 1


@pytest.fixture(scope="module")
def ledger() -> pd.DataFrame:
    return make_ledger(160, 2, 12)


def test_a_stream_gives_the_numbers_of_the_table(tmp_path: Path) -> None:
    ledger = make_ledger(100, 2, 12)
    path = tmp_path / "ledger.parquet"
    table = pa.Table.from_pandas(ledger, preserve_index=False)
    write_ledger(with_facts(table, make_facts(200, 100)), path)
    for most in (100_000, 1200):
        whole, stream = study(ledger, most), study(LedgerStream(path, rows=400), most)
        assert whole.record == stream.record and whole.thresholds == stream.thresholds
        for name in TABLES:
            pd.testing.assert_frame_equal(whole.tables[name], stream.tables[name])


def test_a_drawn_study_keeps_the_split_of_all_documents_and_says_what_it_is_of(
    ledger: pd.DataFrame,
) -> None:
    found = study(ledger, 1200)
    (note, *others) = [note for note in found.record.notes if "drawn at random" in note]
    assert not others and "'english' has 3,840 tokens of 160 documents" in note
    assert found.record.n_tokens < 600 and found.record.n_fit_documents == 25
    # Wrong at every token of a document that nothing was fitted on, but for a few.
    known = fit_split(ledger["document"].to_numpy(), SETTINGS.fit_share, SETTINGS.seed)
    wrong = np.where(ledger["document"].isin(known.fit) ^ (ledger["position"] == 3), 0.0, 1.0)
    there = ledger["top1_error"].notna()
    marked = ledger.assign(top1_error=np.where(there, wrong, np.nan).astype(np.float32))
    assert study(marked, 1200).record.means["top1_error"] == pytest.approx(0.9)
