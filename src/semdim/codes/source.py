"""Where codes come from: read from disk, or computed again from activations.

Both give the same tensors to the bit, in the same shards. Of codes that are not stored, what the
ledger says of each token is kept (`token_columns`).
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jaxtyping import Bool
from torch import Tensor

from semdim.artifacts.protocols import ShardSource
from semdim.codes.encode import Encoding

NORMS = ("code_norm", "reconstruction_norm", "reconstruction_error")


def token_columns(
    shard: dict[str, Tensor], is_special: Bool[Tensor, "sequences context"]
) -> dict[str, Tensor]:
    """What the ledger says of the codes of a shard: per token ``n_active`` and the norms [rows],
    and ``used_atoms``, those that are active at positions that are not special, each once."""
    n_active = shard["row_starts"].diff()
    inside = (~is_special).flatten().repeat_interleave(n_active)
    columns = {"n_active": n_active.int(), "used_atoms": shard["atoms"][inside].unique()}
    return columns | {name: shard[name] for name in NORMS}


class RecomputedCodes:
    """The codes of activations, computed whenever they are read; one shard in memory.

    Args:
        encoding: the SAE.
        activations: where its inputs come from.
        facts: what was published in the place of the codes.
        folder: the artifact that stands for them.
    """

    def __init__(
        self, encoding: Encoding, activations: ShardSource, *, facts: dict[str, Any], folder: Path
    ) -> None:
        self.folder = folder
        self.facts = facts
        self._encoding = encoding
        self._activations = activations

    def __len__(self) -> int:
        return len(self._activations)

    def shape(self, index: int, name: str) -> tuple[int, ...]:
        """[tokens] of a shard, of what there is one of for each token.

        Raises:
            KeyError: its shape is not known before it is computed.
        """
        if name not in NORMS:
            raise KeyError(name)
        return (math.prod(self._activations.shape(index, "activation")[:2]),)

    def read(self, index: int) -> dict[str, Tensor]:
        """One shard, as `semdim.codes.encode.encode_codes` writes it.

        Raises:
            DataError: the encoder returned values that are not codes.
        """
        activation = self._activations.read(index)["activation"]
        return self._encoding.of_shard(activation, lambda n_tokens: None)

    def ahead(self, indices: Iterable[int]) -> Iterator[dict[str, Tensor]]:
        """Several shards. None is computed ahead: the cores have enough to do."""
        return map(self.read, indices)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return self.ahead(range(len(self)))
