"""Text to token ids: plain text only, in batches, and no further than is needed."""

from collections.abc import Sequence
from typing import Any

_CHARACTERS_PER_TOKEN = 6
# A cut document is tokenised differently near the cut; this many tokens before it are not used.
_MARGIN = 32


def encode_batch(
    texts: Sequence[str], tokenizer: Any, n_needed: int | None
) -> list[tuple[list[int], bool]]:
    """Ids of each text, without special tokens, and whether they are all of its ids.

    With ``n_needed`` a long text is tokenised only as far as it takes to have that many ids
    that the cut cannot have changed (pre-tokenisers look ahead by a word at most).
    """
    if n_needed is None:
        return [(ids, True) for ids in _encode(texts, tokenizer)]
    results: list[tuple[list[int], bool]] = [([], False)] * len(texts)
    todo = list(range(len(texts)))
    n_characters = _CHARACTERS_PER_TOKEN * (n_needed + _MARGIN)
    while todo:
        cut = [_head(texts[at], n_characters) for at in todo]
        unfinished = []
        for at, part, ids in zip(todo, cut, _encode(cut, tokenizer), strict=True):
            if len(part) == len(texts[at]):
                results[at] = (ids, True)
            elif len(ids) >= n_needed + _MARGIN:
                results[at] = (ids[:n_needed], False)
            else:
                unfinished.append(at)
        todo = unfinished
        n_characters *= 2
    return results


def _head(text: str, n_characters: int) -> str:
    """At least that many characters, up to the next white space."""
    end = n_characters
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[:end]


def _encode(texts: Sequence[str], tokenizer: Any) -> list[list[int]]:
    encoding = tokenizer(
        list(texts),
        add_special_tokens=False,
        split_special_tokens=True,  # text that spells "<|endoftext|>" must not become a BOS
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,  # no "sequence longer than the maximum": it is cut afterwards
    )
    return [list(ids) for ids in encoding["input_ids"]]
