"""Every kind of corpus, read from files made here; and every complaint about them."""

import gzip
import platform
import time
from pathlib import Path

import httpx
import pyarrow
import pyarrow.parquet as parquet
import pytest
import yaml
import zstandard
from text_factory import c4_rows, corpus, write_jsonl

from semdim.errors import ConfigError, DataError, HubError
from semdim.text.documents import Document, ReadCounts
from semdim.text.filters import load_documents
from semdim.text.kinds import datasets
from semdim.text.spec import CorpusSpec

C4_PRESET = Path(__file__).parents[2] / "conf" / "corpus" / "c4.yaml"


def read(spec: CorpusSpec) -> tuple[list[Document], ReadCounts]:
    counts = ReadCounts()
    return list(load_documents(spec, counts)), counts


def texts(kind: str, **fields: object) -> list[str]:
    return [document.text for document in read(corpus(kind, **fields))[0]]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two shards laid out as the hub lays out C4, with the card that names its configurations."""
    for shard in range(2):
        write_jsonl(tmp_path / f"c4/en/c4-train.{shard:05d}-of-00002.json.gz", c4_rows(shard))
    write_jsonl(tmp_path / "c4/en/c4-validation.00000-of-00001.json.gz", c4_rows(9))
    card = {
        "configs": [
            {
                "config_name": "en",
                "data_files": [
                    {"split": "train", "path": "en/c4-train.*.json.gz"},
                    {"split": "validation", "path": "en/c4-validation.*.json.gz"},
                ],
            }
        ]
    }
    (tmp_path / "c4/README.md").write_text(f"---\n{yaml.safe_dump(card)}---\n# C4\n")
    return tmp_path / "c4"


def expected_c4() -> list[str]:
    return [str(row["text"]) for shard in range(2) for row in c4_rows(shard)]


# --- text files ------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "notes"
    (root / "deep").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "b.md").write_bytes("# Überschrift\r\nzwei\r\n".encode())
    (root / "a.txt").write_bytes(b"\xef\xbb\xbfone")
    (root / "deep" / "c.py").write_text("x = 1\n")
    (root / "photo.jpg").write_bytes(b"\xff\xd8")
    (root / ".git" / "d.txt").write_text("hidden")
    (root / "empty.txt").write_text(" \n")
    (root / "twice.txt").write_text("one\n")
    return root


def test_a_folder_is_read_in_order_and_every_omission_is_counted(folder: Path) -> None:
    documents, counts = read(corpus("files", path=str(folder)))
    assert [document.text for document in documents] == ["one", "# Überschrift\nzwei\n", "x = 1\n"]
    assert documents[0].name == str(folder / "a.txt")
    assert counts.as_dict() == {
        "files_read": 5,
        "documents_read": 3,
        "characters_read": 28,
        "dropped_duplicates": 1,
        "dropped_empty": 1,
        "dropped_files_hidden": 1,
        "dropped_files_with_other_endings": 1,
    }


def test_a_glob_is_taken_as_it_stands(folder: Path) -> None:
    (folder / "e.rst").write_text("rst")
    assert texts("files", path=str(folder / "**" / "*.rst")) == ["rst"]


def test_filters(folder: Path) -> None:
    assert texts("files", path=str(folder), only=("*.py", "*.md"), exclude=("*/deep/*",)) == [
        "# Überschrift\nzwei\n"
    ]
    assert texts("files", path=str(folder), min_characters=4) == [
        "# Überschrift\nzwei\n",
        "x = 1\n",
    ]
    assert texts("files", path=str(folder), drop_duplicates=False).count("one\n") == 1


def test_not_utf8_names_file_and_byte(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"abcd\xffef")
    with pytest.raises(DataError, match=r"bad\.txt is not UTF-8 text: byte 4 is 0xff"):
        read(corpus("files", path=str(tmp_path)))


def test_nothing_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file matches '.*nope/\*\.txt'"):
        read(corpus("files", path=str(tmp_path / "nope/*.txt")))
    with pytest.raises(DataError, match=r"no file under .* ends in \.txt, \.md, \.py"):
        read(corpus("files", path=str(tmp_path)))


def test_an_empty_corpus_says_what_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("short")
    with pytest.raises(DataError, match=r"no document to use \(left out: 1 too_few_characters\)"):
        read(corpus("files", path=str(tmp_path), min_characters=100))


def test_start_anywhere_begins_at_a_line_and_depends_on_the_text_alone(tmp_path: Path) -> None:
    lines = [f"line {number:04d}" for number in range(1000)]
    starts = []
    for name in ("one.txt", "other.txt", "third.txt"):
        text = "\n".join(lines if name != "third.txt" else lines[::-1])
        (tmp_path / name).write_text(text)
        (got,) = texts("files", path=str(tmp_path / name), start="anywhere")
        assert text.endswith(got) and got.split("\n")[0] in lines
        assert len(text) / 2 - 10 <= len(got) <= len(text)
        starts.append(got)
    assert starts[0] == starts[1] != starts[2]
    assert len({len(start) for start in starts}) == 2


# --- JSON lines ------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".ndjson"])
def test_jsonl_in_every_packing(tmp_path: Path, ending: str) -> None:
    path = write_jsonl(tmp_path / f"part{ending}", [{"body": "a\nb"}, {"body": "ü"}])
    documents, counts = read(corpus("jsonl", path=str(tmp_path), text_column="body"))
    assert documents == [Document(f"{path}:1", "a\nb"), Document(f"{path}:2", "ü")]
    assert counts.files == 1


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_files_of_several_compressed_members(tmp_path: Path, ending: str) -> None:
    compress = gzip.compress if ending == ".gz" else zstandard.ZstdCompressor().compress
    raw = compress(b'{"text": "a"}\n{"te') + compress(b'xt": "b"}\n')
    (tmp_path / f"x.jsonl{ending}").write_bytes(raw)
    assert texts("jsonl", path=str(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_damaged_compression_is_named(tmp_path: Path, ending: str) -> None:
    path = write_jsonl(tmp_path / f"x.jsonl{ending}", c4_rows(0, n_rows=50))
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    with pytest.raises(DataError, match=rf"x\.jsonl\{ending} is damaged: it ends in mid-stream"):
        read(corpus("jsonl", path=str(path)))
    path.write_bytes(b"this is plain text\n")
    with pytest.raises(DataError, match=rf"x\.jsonl\{ending} is damaged or not {ending[1:]} data"):
        read(corpus("jsonl", path=str(path)))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"text": "a"}\n{"text": \n', r"x\.jsonl:2 is not JSON: Expecting value at column 9"),
        (b'[{"text": "a"}]\n', r"x\.jsonl:1 holds no JSON object: one object per line"),
        (b'{"content": "a", "id": 1}\n', r"no column 'text'; it has 'content', 'id': set text_"),
        (b'{"text": 3}\n', r"x\.jsonl:1: column 'text' holds int, not text"),
        (b'{"text": "a"}\n{"text": "\xe9"}\n', r"x\.jsonl is not UTF-8 text: byte 24 is 0xe9"),
    ],
)
def test_bad_lines(tmp_path: Path, raw: bytes, message: str) -> None:
    (tmp_path / "x.jsonl").write_bytes(raw)
    with pytest.raises(DataError, match=message):
        read(corpus("jsonl", path=str(tmp_path)))


def test_null_text_is_counted_as_empty(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl", [{"text": None}, {"text": "a"}])
    documents, counts = read(corpus("jsonl", path=str(tmp_path)))
    assert len(documents) == 1
    assert counts.dropped == {"empty": 1}


def test_c4_shards_in_a_folder(shards: Path) -> None:
    assert texts("jsonl", path=str(shards / "en" / "c4-train.*.json.gz")) == expected_c4()


# --- Parquet ---------------------------------------------------------------------------------


def test_parquet_reads_the_text_column_across_files(tmp_path: Path) -> None:
    for part in range(2):
        table = pyarrow.table({"id": range(300), "body": [f"{part} {row}" for row in range(300)]})
        parquet.write_table(table, tmp_path / f"part{part}.parquet", row_group_size=100)
    documents, counts = read(corpus("parquet", path=str(tmp_path), text_column="body"))
    assert [document.text for document in documents[299:302]] == ["0 299", "1 0", "1 1"]
    assert (len(documents), counts.files) == (600, 2)


def test_parquet_without_the_column_or_not_parquet(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pyarrow.table({"source": ["s"], "content": ["t"]}), path)
    with pytest.raises(DataError, match=r"x\.parquet has no column 'text'; it has 'source', 'con"):
        read(corpus("parquet", path=str(path)))
    with pytest.raises(DataError, match="column 'n' holds int, not text"):
        parquet.write_table(pyarrow.table({"n": [1]}), path)
        read(corpus("parquet", path=str(path), text_column="n"))
    path.write_bytes(b"no parquet")
    with pytest.raises(DataError, match=r"x\.parquet is not a readable Parquet file"):
        read(corpus("parquet", path=str(path)))


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "datasets"])
def test_documents_are_chosen_by_a_column_of_names(tmp_path: Path, kind: str) -> None:
    rows = [{"source": "news" if i % 3 else "manual", "text": f"text {i}"} for i in range(12)]
    table = tmp_path / "rows.parquet"
    if kind == "jsonl":
        table = table.with_suffix(".jsonl")
        write_jsonl(table, rows)
    else:
        parquet.write_table(pyarrow.Table.from_pylist(rows), table)
    where = {"path": str(table)}
    if kind == "datasets":
        where = {"path": "parquet", "data_files": (str(table),)}
    chosen = corpus(kind, **where, name_column="source", only=("news/*",), exclude=("news/*[05]",))
    documents, counts = read(chosen)
    first = 1 if kind == "jsonl" else 0  # lines are counted from one, rows from zero
    expected = [i for i in range(12) if i % 3 and (i + first) % 5]
    assert [document.text for document in documents] == [f"text {i}" for i in expected]
    assert documents[0].name.startswith("news/")
    assert (counts.dropped["not_in_only"], counts.dropped["excluded"]) == (4, 8 - len(expected))
    with pytest.raises(DataError, match=r"no column 'origin'.*set name_column"):
        read(corpus(kind, **where, name_column="origin"))


# --- datasets --------------------------------------------------------------------------------


def test_the_c4_preset_reads_a_local_copy_of_the_hub_layout(shards: Path) -> None:
    preset = yaml.safe_load(C4_PRESET.read_text())
    spec = CorpusSpec.from_mapping(preset | {"path": str(shards)})
    documents, counts = read(spec)
    assert [document.text for document in documents] == expected_c4()
    assert counts.documents == 10


@pytest.mark.parametrize("streaming", [True, False])
def test_datasets_with_data_files(
    shards: Path, streaming: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    files = (str(shards / "en" / "c4-train.*.json.gz"),)
    assert texts("datasets", path="json", data_files=files, streaming=streaming) == expected_c4()


def test_a_stream_is_read_no_further_than_needed(shards: Path) -> None:
    counts = ReadCounts()
    documents = load_documents(corpus("datasets", path=str(shards), name="en"), counts)
    assert next(documents).text == expected_c4()[0]
    assert counts.documents == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text_column": "content"}, "has no column 'content'; it has 'text', 'timestamp', 'url'"),
        ({"split": "test"}, r"split 'test': Bad split: test\. Available splits"),
        ({"name": "fr"}, r"\(fr\).*BuilderConfig 'fr' not found"),
    ],
)
def test_datasets_refuses(shards: Path, fields: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(corpus("datasets", **({"path": str(shards), "name": "en"} | fields)))


def test_datasets_with_a_damaged_shard(shards: Path) -> None:
    shard = shards / "en" / "c4-train.00001-of-00002.json.gz"
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"data set .*c4 \(en\), split 'train'"):
        read(corpus("datasets", path=str(shards), name="en"))


def test_datasets_with_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file matches data_files .*nope"):
        read(corpus("datasets", path="json", data_files=(str(tmp_path / "nope*.json"),)))
    with pytest.raises(DataError, match="there is no data set at"):
        read(corpus("datasets", path=str(tmp_path / "nope")))
    with pytest.raises(ConfigError, match="the loader 'json' needs data_files"):
        read(corpus("datasets", path="json"))


def test_offline_is_one_sentence_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(HubError, match=r"allenai/c4 must be read from .*HF_HUB_OFFLINE=1"):
        read(corpus("datasets", path="allenai/c4", name="en"))
    assert time.monotonic() - started < 10


def test_an_unreachable_hub_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def refuse(url: str, timeout: float) -> None:
        calls.append(timeout)
        raise httpx.ConnectError("Name or service not known")

    monkeypatch.setattr(datasets, "is_offline", lambda: False)
    monkeypatch.setattr(httpx, "head", refuse)
    with pytest.raises(HubError, match=r"cannot be reached \(Name or service not known\): connect"):
        read(corpus("datasets", path="allenai/c4", name="en"))
    assert len(calls) == 1 and calls[0] <= 5


# --- what is on the machine already ------------------------------------------------------------


def test_python_source_is_ordered_and_without_installed_packages() -> None:
    documents, counts = read(
        corpus("python_source", only=("json/*", "site-packages/*"), exclude=("*/tool.py",))
    )
    assert [document.name for document in documents] == [
        "json/__init__.py",
        "json/decoder.py",
        "json/encoder.py",
        "json/scanner.py",
    ]
    assert counts.dropped["excluded"] == 1
    assert counts.facts["python"] == (
        f"{platform.python_implementation()} {platform.python_version()}"
    )


@pytest.mark.parametrize("kind", ["random", "replaced"])
def test_kinds_without_documents_are_refused(kind: str) -> None:
    base = {"base": {"kind": "python_source"}} if kind == "replaced" else {}
    with pytest.raises(ConfigError, match=f"a corpus of kind {kind} has no documents of its own"):
        load_documents(corpus(kind, **base))
