"""Documents that are younger than the model are told from those that are not."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_factory import make_facts
from text_factory import corpus, tiny_tokenizer, write_jsonl

from semdim.bounds.family import BoundFacts
from semdim.bounds.units import FROZEN, unit_assumptions, with_what_is_known
from semdim.errors import ConfigError, DataError
from semdim.ledger.facts import LedgerFacts
from semdim.models.spec import ModelSource
from semdim.text.corpus import sample_corpus
from semdim.text.independence import Independence, days_of, first_day, last_day
from semdim.text.samples import TokenSample
from semdim.tokens.sample import sample_facts


@given(st.dates())
def test_a_date_means_its_first_day_of_a_text_and_its_last_of_a_model(day: date) -> None:
    whole = f"{day:%Y-%m-%d}".rjust(10, "0")
    month, year = whole[:7], whole[:4]
    assert first_day(whole, "it") == last_day(whole, "it") == day == first_day(day, "it")
    assert first_day(month, "it") == day.replace(day=1)
    assert first_day(year, "it") == day.replace(month=1, day=1)
    end = last_day(month, "it")
    assert end.month == day.month and end >= day
    assert end == date.max or (end + timedelta(days=1)).month != day.month
    assert last_day(year, "it") == day.replace(month=12, day=31)


def test_times_are_taken_in_utc() -> None:
    east = timezone(timedelta(hours=9))
    assert first_day(datetime(2024, 7, 1, 3, tzinfo=east), "it") == date(2024, 6, 30)
    assert first_day("2024-07-01T03:00:00+09:00", "it") == date(2024, 6, 30)
    assert first_day(datetime(2024, 7, 1, 3, tzinfo=UTC), "it") == date(2024, 7, 1)
    assert first_day("2024-07-01 03:00:00", "it") == first_day(2024, "it").replace(month=7)  # type: ignore[union-attr]
    assert first_day(None, "it") is None and first_day("  ", "it") is None
    assert days_of("24-07-01") is None and days_of("2024-13") is None


DATES = ["2024-07-01", "2024-06-30", "2024", None, "2025-01", "2024-06-29T23:00:00Z"]
YOUNGER = [0, 4]


def sample(folder: Path, frozen_at: str | None = "2024-06", **options: Any) -> TokenSample:
    rows: list[dict[str, object]] = [
        {"text": f"{name} " * 40, "day": day} for name, day in zip("abcdef", DATES, strict=True)
    ]
    path = str(write_jsonl(folder / "rows.jsonl", rows))
    spec = corpus("jsonl", **{"path": path, "date_column": "day", "n_tokens": 16, **options})
    return sample_corpus(
        spec, tiny_tokenizer(), context=8, bos_token_id=0, vocab_size=500,
        max_sequences_per_document=1, seed=0, frozen_at=frozen_at,
    )  # fmt: skip


def lines(found: TokenSample) -> list[int]:
    return sorted(int(row.name.rpartition(":")[2]) - 1 for row in found.documents)


def test_what_is_not_known_to_be_younger_is_left_out_or_alone_left(tmp_path: Path) -> None:
    found = sample(tmp_path)
    assert lines(found) == YOUNGER
    assert found.counts["dropped_undated"] == 1 and found.counts["dropped_not_after_the_model"] == 3
    assert found.independence == Independence("2024-06-30", "2024-07-01")
    assert found.independence.is_by_date
    rest = sample(tmp_path, older="only", n_tokens=32)
    assert lines(rest) == [1, 2, 3, 5] and rest.counts["dropped_after_the_model"] == 2
    assert rest.independence is not None and not rest.independence.is_by_date
    # A year counts with its last day for the model, with its first for a text.
    assert lines(sample(tmp_path, "2024", n_tokens=8)) == [4]
    with pytest.raises(DataError, match="frozen on 2024-06-30: leave it out"):
        sample(tmp_path, older="refuse")
    allowed = [f"*:{line + 1}" for line in YOUNGER]
    assert lines(sample(tmp_path, older="refuse", only=allowed)) == YOUNGER


def test_a_model_that_states_nothing_and_a_date_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not state when it was frozen"):
        sample(tmp_path, None)
    with pytest.raises(ConfigError, match=r"source\.frozen_at|frozen_at = 'June'"):
        ModelSource(kind="hub", repo="a/b", frozen_at="June")
    path = str(write_jsonl(tmp_path / "bad.jsonl", [{"text": "a", "day": "yesterday"}]))
    with pytest.raises(DataError, match="has the date 'yesterday'"):
        sample(tmp_path, path=path)
    with pytest.raises(DataError, match="date_column"):
        sample(tmp_path, date_column="published")


def test_the_ledger_keeps_it_and_certificates_say_it(tmp_path: Path) -> None:
    found = sample(tmp_path)
    known = found.independence
    ledger = make_facts()
    plain = {"independence": sample_facts(found)["independence"]}
    assert BoundFacts.from_mapping({**ledger, **plain}).independence == known
    copy = LedgerFacts(**{**dict(ledger), "codes": ledger.codes, "independence": known})
    assert LedgerFacts.from_json(copy.to_json(), "it") == copy
    assumed = unit_assumptions("document")
    said = with_what_is_known(assumed, known)
    assert said[0] == assumed[0] and "independent of the model by date" in said[1]
    assert "2024-06-30" in said[1] and "the autoencoder was frozen" in said[1]
    apart = with_what_is_known(assumed, Independence(apart_from=("sae_a",)))
    assert apart[1].startswith(FROZEN) and "sae_a" in apart[1]
    # Dates that do not show it change nothing.
    assert with_what_is_known(assumed, Independence("2024-06-30", "2024-06-30")) == assumed
    assert with_what_is_known(assumed, None) == assumed
