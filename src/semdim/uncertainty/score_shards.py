"""The scores from activations, shard by shard: each shard's need no other one."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from semdim.activations.source import ActivationSource
from semdim.artifacts.memory import MemoryShards
from semdim.artifacts.protocols import MissingShards
from semdim.errors import ArtifactError
from semdim.uncertainty.activation_scores import (
    COLUMNS,
    ActivationFit,
    TokenShards,
    score_activations,
    score_sequences,
)
from semdim.uncertainty.refits import refit_column


def score_shards(
    fit: ActivationFit,
    refits: Sequence[ActivationFit],
    activations: ActivationSource,
    kept: Bool[np.ndarray, "sequences context"],
    writer: MissingShards,
    *,
    update: Callable[[int], object],
) -> None:
    """Write the scores of every token: shards of columns [s, T], float32.

    Args:
        fit: scores every token.
        refits: each scores the tokens that are ``kept``; the others are NaN.
        activations: of the whole corpus.
        kept: of the whole corpus.
        update: called with the number of tokens after each shard.

    Raises:
        ArtifactError: the activations are not of the sample that ``kept`` is of.
        DataError: the activations have another width than those fitted on.
    """
    shapes = [activations.shape(index, "activation")[:2] for index in range(len(activations))]
    firsts = [0, *itertools.accumulate(shape[0] for shape in shapes)]
    if firsts[-1] != len(kept) or {shape[1] for shape in shapes} != {kept.shape[1]}:
        raise ArtifactError(
            f"{activations.folder} does not hold the {len(kept)} sequences of the tokens: they are "
            "not of the same sample; recompute it with `dvc repro --force`."
        )
    missing = writer.missing
    for index in set(range(len(shapes))) - set(missing):
        update(shapes[index][0] * shapes[index][1])
    for index, shard in zip(missing, activations.ahead(missing), strict=True):
        alone = MemoryShards(str(activations.folder), 1)
        alone.write(0, shard)
        rows = kept[firsts[index] : firsts[index + 1]]
        columns = score_activations(fit, TokenShards(alone, np.ones_like(rows)))
        for number, refit in enumerate(refits):
            some = _scores(refit, TokenShards(alone, rows))
            columns |= {refit_column(name, number): column for name, column in some.items()}
        writer.write(index, {name: torch.from_numpy(c) for name, c in columns.items()})
        update(rows.size)


def _scores(
    refit: ActivationFit, tokens: TokenShards
) -> dict[str, Float32[np.ndarray, "sequences context"]]:
    if tokens.chosen.any():
        return score_sequences(refit, tokens)
    return {name: np.full(tokens.chosen.shape, np.nan, dtype=np.float32) for name in COLUMNS}


def joined(
    read: Callable[[int], dict[str, Tensor]], n_shards: int
) -> dict[str, Float32[np.ndarray, "sequences context"]]:
    """The columns of all shards: the scores first, then those of each refit."""
    shards = [read(index) for index in range(n_shards)]
    n_refits = (len(shards[0]) - len(COLUMNS)) // len(COLUMNS)
    names = [*COLUMNS, *(refit_column(c, number) for number in range(n_refits) for c in COLUMNS)]
    return {name: torch.cat([shard[name] for shard in shards]).numpy() for name in names}
