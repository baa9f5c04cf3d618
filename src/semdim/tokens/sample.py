"""The tokens that everything else is computed from, as an artifact."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Int, Int32
from torch import Tensor

from semdim.artifacts.protocols import ShardSink
from semdim.artifacts.shards import Artifact
from semdim.errors import DataError
from semdim.records import to_plain
from semdim.text.samples import TokenSample, source_labels
from semdim.tokens.positions import is_special


def shard_ranges(n_sequences: int, shard_sequences: int) -> list[tuple[int, int]]:
    """First and last sequence of every shard; the last shard may be short, none is dropped."""
    return [
        (start, min(start + shard_sequences, n_sequences))
        for start in range(0, n_sequences, shard_sequences)
    ]


def batches(n_sequences: int, batch_sequences: int) -> Iterator[slice]:
    """Slices of a shard; the last batch may be short, none is dropped."""
    for start in range(0, n_sequences, batch_sequences):
        yield slice(start, min(start + batch_sequences, n_sequences))


def bos_mask(
    token_ids: Int[Tensor, "sequences context"], bos_token_id: int
) -> Bool[Tensor, "sequences context"]:
    """Where BOS stands: position 0, and the BOS id wherever else it occurs.

    The one special-token mask of semdim: the splice ``no_bos`` lets these positions through.
    """
    position = torch.arange(token_ids.shape[1], device=token_ids.device)
    return is_special(token_ids, position, bos_token_id)


def check_token_ids(
    token_ids: Int32[Tensor, "sequences context"], vocab_size: int, where: str
) -> None:
    """Refuse ids that the model has no embedding for.

    Raises:
        DataError: an id is negative or at least ``vocab_size``.
    """
    wrong = (token_ids < 0) | (token_ids >= vocab_size)
    if bool(wrong.any()):
        sequence, position = (int(i) for i in wrong.nonzero()[0])
        raise DataError(
            f"Token id {int(token_ids[sequence, position])} at sequence {sequence}, position "
            f"{position} of {where} is outside the model's vocabulary of {vocab_size}: the text "
            "was tokenised for another model; tokenise it again."
        )


def write_tokens(sample: TokenSample, writer: ShardSink, shard_sequences: int) -> dict[str, int]:
    """Publish a sample: shards ``token_ids`` [s, T] and ``document`` [s]; returns its size."""
    ids, document = torch.from_numpy(sample.token_ids), torch.from_numpy(sample.document)
    for index, (start, stop) in enumerate(shard_ranges(sample.n_sequences, shard_sequences)):
        writer.write(index, {"token_ids": ids[start:stop], "document": document[start:stop]})
    facts = sample_facts(sample)
    writer.publish(facts)
    return {name: facts[name] for name in ("n_tokens", "n_sequences", "n_documents")}


def sample_facts(sample: TokenSample) -> dict[str, Any]:
    """What is said of a sample, as plain values: its part of the fields of `LedgerFacts`."""
    sources, of_documents = source_labels(sample.documents)
    known = {} if sample.independence is None else {"independence": to_plain(sample.independence)}
    return {
        "n_tokens": sample.n_tokens,
        "n_sequences": sample.n_sequences,
        "n_documents": sample.n_documents,
        "counts": sample.counts,
        "versions": sample.facts,
        "documents": [row.name for row in sample.documents],
        "sources": list(sources),
        "document_sources": list(of_documents),
    } | known


def load_tokens(
    folder: Path,
) -> tuple[Int32[Tensor, "sequences context"], Int32[Tensor, " sequences"]]:
    """All token ids and the document of each sequence."""
    shards = list(Artifact.open(folder))
    return (
        torch.cat([shard["token_ids"] for shard in shards]),
        torch.cat([shard["document"] for shard in shards]),
    )
