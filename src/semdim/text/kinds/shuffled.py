"""Another corpus with its words in random order."""

from dataclasses import dataclass
from typing import Literal

from semdim.text.kind import KINDS
from semdim.text.samples import SampleRequest, TokenSample
from semdim.text.spec import DerivedSpec


@dataclass(frozen=True, kw_only=True)
class ShuffledCorpus(DerivedSpec):
    """The sequences of ``base``, the words of each shuffled: every word is in place, no sentence
    is."""

    kind: Literal["shuffled"] = "shuffled"

    def shifted(self, sample: TokenSample, request: SampleRequest) -> TokenSample:
        """The sample with its words shuffled within each sequence."""
        from semdim.text.shifts import find_word_starts, shuffle_words

        starts_word = find_word_starts(request.tokenizer, request.vocab_size)
        return shuffle_words(
            sample,
            starts_word=starts_word,
            bos_token_id=request.bos_token_id,
            seed=request.seed,
        )


KINDS.add("shuffled", ShuffledCorpus)
