"""Is a corpus large enough? Answered from the sizes of its files, before any text is tokenised."""

from collections.abc import Sequence

from semdim.errors import ConfigError
from semdim.text.samples import count_sequences


def check_room(
    name: str, n_tokens: int, sizes: Sequence[int], context: int, cap: int | None
) -> None:
    """Refuse a corpus whose documents cannot hold the tokens that are asked of it.

    A token is at least a byte of text, so a document of b bytes has at most ⌊b / (context − 1)⌋
    sequences. In truth it has about a quarter of them: a corpus that passes may yet be too small.

    Args:
        name: of the corpus.
        sizes: bytes of each document (`CorpusSpec.documents_at_most`).
        context: tokens in a sequence, BOS included.
        cap: sequences of one document at most; None: all.

    Raises:
        ConfigError: with what there is, and what to change.
    """
    per_document = [size // (context - 1) for size in sizes]
    if cap is not None:
        per_document = [min(cap, count) for count in per_document]
    wanted, there = count_sequences(n_tokens, context), sum(per_document)
    if there >= wanted:
        return
    limit, advice = "", ""
    if cap is not None:
        limit = f" (at most {cap} of a document)"
        advice = " raise tokens.max_sequences_per_document,"
    raise ConfigError(
        f"corpora.{name}.n_tokens = {n_tokens} asks for {wanted:,} sequences of {context} tokens, "
        f"but its {len(sizes):,} documents of {sum(sizes):,} bytes hold at most {there:,}{limit}: "
        f"lower it (and bound.n_tokens with it),{advice} or add text."
    )
