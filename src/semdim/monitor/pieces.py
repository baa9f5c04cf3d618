"""Text to the monitor's tokens, and tokens back to text, piece by piece."""

from collections.abc import Sequence
from typing import Any

from semdim.errors import DataError
from semdim.text.reading import checked
from semdim.text.tokenizing import encode_batch


def token_ids(text: str, tokenizer: Any, what: str) -> list[int]:
    """Ids of a text as the pipeline reads and tokenises it, without BOS.

    Raises DataError when the text is empty, or what no UTF-8 text can hold.
    """
    text = checked(text, f"The {what}")
    if not text:
        raise DataError(f"The {what} is empty, so there is nothing to examine: give it some text.")
    ids = encode_batch([text], tokenizer, None)[0][0]
    if not ids:
        raise DataError(f"The {what} has no tokens: the tokenizer drops {text[:20]!r}.")
    return ids


def cut(ids: Sequence[int], context: int, bos_token_id: int) -> list[list[int]]:
    """Sequences of at most ``context`` tokens, BOS first, as the pipeline cuts a document.

    The pipeline leaves out a tail that does not fill a sequence; here it is a short sequence.
    """
    body = context - 1
    return [[bos_token_id, *ids[at : at + body]] for at in range(0, len(ids), body)]


class Detokenizer:
    """What each token adds to the text, so that the pieces together are the text."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._start = 0  # decoding begins here: sentence-piece tokenizers look one token back
        self._read = 0  # ids before this have been given out as text

    def add(self, token_id: int) -> str:
        """The text that is complete with this token; empty in the middle of a character."""
        self._ids.append(token_id)
        before = self._decode(self._ids[self._start : self._read])
        now = self._decode(self._ids[self._start :])
        if now.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        self._start, self._read = self._read, len(self._ids)
        return now[len(before) :]

    def rest(self) -> str:
        """Text of the tokens that no complete character followed."""
        before = self._decode(self._ids[self._start : self._read])
        now = self._decode(self._ids[self._start :])
        self._start, self._read = self._read, len(self._ids)
        return now[len(before) :]

    def _decode(self, ids: Sequence[int]) -> str:
        if not ids:
            return ""
        text: str = self._tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text
