"""A document's source travels from the corpus to the ledger's facts, and changes no token."""

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet as parquet
import pytest
from ledger_factory import make_facts
from text_factory import BOS, corpus, tiny_tokenizer, write_dump, write_jsonl

from semdim.artifacts.memory import MemoryPlace
from semdim.errors import DataError
from semdim.ledger.facts import LedgerFacts
from semdim.text.corpus import sample_corpus
from semdim.text.documents import ReadCounts
from semdim.text.filters import load_documents
from semdim.text.samples import DocumentRow, TokenSample, source_labels
from semdim.text.spec import CorpusSpec
from semdim.text.wikitext import read_dump
from semdim.tokens.sample import sample_facts, write_tokens

SENTENCE = "The quick brown fox jumps over the lazy dog. "


def sources(spec: CorpusSpec) -> list[str | None]:
    return [document.source for document in load_documents(spec)]


def sample(path: str, source_column: str | None) -> TokenSample:
    return sample_corpus(
        corpus("jsonl", path=path, source_column=source_column, n_tokens=128),
        tiny_tokenizer(),
        context=16,
        bos_token_id=BOS,
        vocab_size=400,
        max_sequences_per_document=2,
        seed=0,
    )


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, object]]:
    return [
        {"text": f"Text {number}. " + SENTENCE * 9, "site": site}
        for number, site in enumerate(["a", "b", "b", None, "a", "b", "b", "b"])
    ]


def test_the_first_folder_below_the_path_is_a_files_source(tmp_path: Path) -> None:
    for name in ("top.txt", "wiki/x/1.txt", "wiki/2.txt", "news/3.txt"):
        path = tmp_path / "texts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name} {SENTENCE}")
    expected = {"top.txt": None, "1.txt": "wiki", "2.txt": "wiki", "3.txt": "news"}
    for given in (tmp_path / "texts", tmp_path / "texts" / "**" / "*.txt"):
        documents = load_documents(corpus("files", path=str(given)))
        assert {Path(d.name).name: d.source for d in documents} == expected
    assert sources(corpus("files", path=str(tmp_path / "texts" / "top.txt"))) == [None]


def test_a_column_is_a_rows_source(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    lines = write_jsonl(tmp_path / "rows.jsonl", rows)
    table = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows), table)
    for kind, path in (("jsonl", lines), ("parquet", table)):
        found = sources(corpus(kind, path=str(path), source_column="site"))
        assert found == ["a", "b", "b", None, "a", "b", "b", "b"]
        assert sources(corpus(kind, path=str(path))) == [None] * 8
        with pytest.raises(DataError, match=r"has no column 'web'.*set source_column"):
            sources(corpus(kind, path=str(path), source_column="web"))


def test_start_anywhere_keeps_the_source(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    spec = corpus("jsonl", path=str(path), source_column="site", start="anywhere")
    assert sources(spec)[:2] == ["a", "b"]


def test_articles_are_of_wikipedia(tmp_path: Path) -> None:
    path = write_dump(tmp_path / "dump.xml", [("A", 0, SENTENCE)])
    assert [document.source for document in read_dump(path, ReadCounts())] == ["wikipedia"]


def test_sources_change_no_token(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    path = str(write_jsonl(tmp_path / "rows.jsonl", rows))
    plain, labelled = sample(path, None), sample(path, "site")
    assert np.array_equal(plain.token_ids, labelled.token_ids)
    assert np.array_equal(plain.document, labelled.document)
    by_number = {row.name.rpartition(":")[2]: row.source for row in labelled.documents}
    assert by_number == {str(n + 1): rows[n]["site"] for n in range(len(by_number))}


def test_they_are_published_with_the_tokens_and_stand_in_the_ledger(
    tmp_path: Path, rows: list[dict[str, object]]
) -> None:
    path = str(write_jsonl(tmp_path / "rows.jsonl", rows))
    found = sample(path, "site")
    place = MemoryPlace()
    write_tokens(found, place.sink("tokens", 1), 64)
    facts = place.source("tokens").facts
    assert set(facts["sources"]) == {"a", "b", "unlabelled"}
    labels = [facts["sources"][index] for index in facts["document_sources"]]
    assert labels == [row.source or "unlabelled" for row in found.documents]
    ledger = make_facts(n_documents=8)
    copy = LedgerFacts(**{**ledger, "codes": ledger.codes, **sample_facts_as_tuples(found)})
    assert LedgerFacts.from_json(copy.to_json(), "it") == copy


def sample_facts_as_tuples(found: TokenSample) -> dict[str, tuple[object, ...]]:
    facts = sample_facts(found)
    return {name: tuple(facts[name]) for name in ("documents", "sources", "document_sources")}


def test_a_ledger_from_before_sources_has_none() -> None:
    import json

    raw = json.loads(make_facts().to_json())
    del raw["sources"], raw["document_sources"]
    assert LedgerFacts.from_json(json.dumps(raw), "it") == make_facts()


def test_a_single_source_costs_a_word() -> None:
    def row(source: str | None) -> DocumentRow:
        return DocumentRow(0, "x", 1, 1, 1, source)

    assert source_labels([row("news"), row("news")]) == (("news",), ())
    assert source_labels([row(None), row(None)]) == ((), ())
    assert source_labels([row("b"), row("a"), row("b")]) == (("b", "a"), (0, 1, 0))
