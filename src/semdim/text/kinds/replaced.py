"""Another corpus with some of its tokens replaced by uniform ones."""

from dataclasses import dataclass
from typing import Literal

from semdim.fields import setting
from semdim.text.kind import KINDS
from semdim.text.samples import SampleRequest, TokenSample
from semdim.text.spec import DerivedSpec


@dataclass(frozen=True, kw_only=True)
class ReplacedCorpus(DerivedSpec):
    """The sequences of ``base``, a share of their tokens replaced: a slight shift."""

    kind: Literal["replaced"] = "replaced"
    share: float = setting(0.15, above=0, at_most=1)
    """The share of the tokens of every sequence, BOS apart."""

    def shifted(self, sample: TokenSample, request: SampleRequest) -> TokenSample:
        """The sample with its tokens replaced; special tokens are not drawn."""
        from semdim.text.shifts import replace_tokens

        return replace_tokens(
            sample,
            vocab_size=request.vocab_size,
            bos_token_id=request.bos_token_id,
            seed=request.seed,
            share=self.share,
            excluded_token_ids=request.special_token_ids,
        )


KINDS.add("replaced", ReplacedCorpus)
