"""The samples of every kind, to the last token: a corpus read again is the corpus that was read."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest
from text_factory import BOS, c4_rows, tiny_tokenizer, write_dump, write_jsonl

from semdim.text.corpus import sample_corpus
from semdim.text.spec import CorpusSpec

SENTENCE = "The quick brown fox jumps over the lazy dog, and the old house stands empty. "
CODE = "def read(path):\n    with open(path) as file:\n        return file.read()\n"

EXPECTED = {
    "gensim_english": "908ac19e6b4c0cff",
    "python_source": "95f6b51f5f713cdd",
    "random": "0b50e856db9218bc",
    "files": "aecece014a7e7dad",
    "files_anywhere": "062ff07e98095c3b",
    "jsonl": "57b7b0b1d6bdbc38",
    "parquet": "b1d73d5c7ecb10da",
    "datasets": "b1d73d5c7ecb10da",
    "replaced": "d98b795254a3b431",
    "shuffled": "148150c95edc76ba",
}


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Settings of a corpus of each kind, over texts that are the same on every machine."""
    (tmp_path / "files").mkdir()
    for number in range(9):
        text = f"Text number {number}.\n" + SENTENCE * (number + 3) + CODE * number
        (tmp_path / "files" / f"{number}.txt").write_text(text)
    write_jsonl(tmp_path / "rows.jsonl.gz", c4_rows(1, n_rows=9))
    parquet.write_table(pyarrow.Table.from_pylist(c4_rows(2, n_rows=9)), tmp_path / "rows.parquet")

    data = tmp_path / "packages" / "gensim" / "test" / "test_data"
    data.mkdir(parents=True)
    (tmp_path / "packages" / "gensim" / "__init__.py").touch()
    pages = [(f"Page {number}", 0, f"'''Page {number}''' " + SENTENCE * 9) for number in range(5)]
    dump = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
    write_dump(data / dump, pages)
    news = [f"News number {number}. " + SENTENCE * 5 for number in range(5)]
    (data / "lee_background.cor").write_text("\n".join(news))
    monkeypatch.syspath_prepend(tmp_path / "packages")

    library = tmp_path / "library"
    (library / "site-packages").mkdir(parents=True)
    (library / "site-packages" / "not_read.py").write_text(CODE * 20)
    for number in range(9):
        (library / f"module_{number}.py").write_text(f"# Module {number}\n" + CODE * (number + 6))
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"stdlib": str(library)})

    files = {"kind": "files", "path": str(tmp_path / "files")}
    return {
        "gensim_english": {"kind": "gensim_english", "min_characters": 200},
        "python_source": {"kind": "python_source", "exclude": ["*_3.py"]},
        "random": {"kind": "random"},
        "files": files,
        "files_anywhere": files | {"start": "anywhere", "only": ["*[2-8].txt"]},
        "jsonl": {"kind": "jsonl", "path": str(tmp_path / "rows.jsonl.gz")},
        "parquet": {"kind": "parquet", "path": str(tmp_path / "rows.parquet")},
        "datasets": {
            "kind": "datasets",
            "path": "parquet",
            "data_files": str(tmp_path / "rows.parquet"),
        },
        "replaced": {"kind": "replaced", "share": 0.3, "base": files},
        "shuffled": {"kind": "shuffled", "base": files},
    }


@pytest.mark.parametrize("name", list(EXPECTED))
def test_a_sample_is_the_same_to_the_last_token(
    texts: dict[str, dict[str, Any]], name: str
) -> None:
    spec = CorpusSpec.from_mapping(texts[name] | {"n_tokens": 200}, f"corpora.{name}")
    sample = sample_corpus(
        spec,
        tiny_tokenizer(),
        context=16,
        bos_token_id=BOS,
        vocab_size=400,
        max_sequences_per_document=3,
        seed=7,
        special_token_ids=(BOS,),
    )
    content = sample.token_ids.tobytes() + sample.document.tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == EXPECTED[name]


def test_every_kind_is_here(texts: dict[str, dict[str, Any]]) -> None:
    assert set(texts) == set(EXPECTED)
