"""Uniform token ids: as far from language as a model's input can be."""

from dataclasses import dataclass
from typing import Literal

from semdim.text.kind import KINDS
from semdim.text.samples import SampleRequest, TokenSample
from semdim.text.spec import DrawnSpec


@dataclass(frozen=True, kw_only=True)
class RandomCorpus(DrawnSpec):
    """Uniform token ids after BOS, special tokens left out; each sequence counts as a document."""

    kind: Literal["random"] = "random"

    def drawn(self, request: SampleRequest) -> TokenSample:
        """Sequences that depend on the seed and the vocabulary alone."""
        from semdim.text.packing import random_tokens

        return random_tokens(
            self.n_tokens,
            request.context,
            request.vocab_size,
            request.bos_token_id,
            request.seed,
            request.special_token_ids,
        )


KINDS.add("random", RandomCorpus)
