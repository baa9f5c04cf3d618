"""A byte-level tokenizer trained on a few sentences, and files in every format that is read."""

import bz2
import gzip
import json
from functools import cache
from pathlib import Path

import zstandard
from model_factory import put_in_hub_cache
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from semdim.text.spec import CorpusSpec

BOS = 0
EOS_TEXT = "<|endoftext|>"
_TEXT = (
    "The quick brown fox jumps over the lazy dog while the old house on the hill stands empty. "
    "A sparse code uses few of its many atoms, and the loss of the model is measured in bits.\n"
    "def read(path):\n    with open(path) as file:\n        return file.read()\n"
)


@cache
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE, about 400 ids; id 0 is ``<|endoftext|>``. It knows every byte."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[EOS_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([_TEXT] * 4, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=EOS_TEXT, model_max_length=16
    )


def corpus(kind: str, **settings: object) -> CorpusSpec:
    """A corpus of any kind."""
    return CorpusSpec.from_mapping({"kind": kind, **settings})


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    """JSON lines, compressed as the ending says."""
    raw = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if path.suffix == ".gz":
        raw = gzip.compress(raw)
    elif path.suffix == ".zst":
        raw = zstandard.ZstdCompressor().compress(raw)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


def c4_rows(shard: int, n_rows: int = 5) -> list[dict[str, object]]:
    """Rows with the columns of C4."""
    return [
        {
            "text": f"Page {row} of shard {shard}. " + "The quick brown fox jumps. " * 20,
            "timestamp": "2019-04-25T12:57:54Z",
            "url": f"https://example.org/{shard}/{row}",
        }
        for row in range(n_rows)
    ]


def write_dump(
    path: Path, pages: list[tuple[str, int, str]], redirects: tuple[str, ...] = ()
) -> Path:
    """A MediaWiki dump of (title, namespace, wikitext) pages."""
    from xml.sax.saxutils import escape

    body = "".join(
        f"<page><title>{escape(title)}</title><ns>{namespace}</ns><id>{number}</id>"
        + ('<redirect title="Elsewhere" />' if title in redirects else "")
        + f"<revision><text xml:space='preserve'>{escape(text)}</text></revision></page>"
        for number, (title, namespace, text) in enumerate(pages)
    )
    xml = (
        f"<mediawiki xmlns='http://www.mediawiki.org/xml/export-0.10/'>{body}</mediawiki>".encode()
    )
    path.write_bytes(bz2.compress(xml) if path.suffix == ".bz2" else xml)
    return path


C4_CARD = """---
configs:
- config_name: en
  data_files:
  - split: train
    path: en/c4-train.*.json.gz
  - split: validation
    path: en/c4-validation.*.json.gz
- config_name: realnewslike
  data_files:
  - {split: train, path: realnewslike/c4-train.*.json.gz}
---
# C4
"""


def c4_in_hub_cache(
    cache: Path, shards: list[list[dict[str, object]]], repo: str = "allenai/c4"
) -> Path:
    """The first shards of C4's English part in a cache laid out as the hub's client does."""
    files = {
        f"en/c4-train.{number:05}-of-01024.json.gz": gzip.compress(
            "".join(json.dumps(row) + "\n" for row in rows).encode()
        )
        for number, rows in enumerate(shards)
    }
    card = {"README.md": C4_CARD.encode()}
    return put_in_hub_cache(cache, repo, card | files, kind="datasets")
