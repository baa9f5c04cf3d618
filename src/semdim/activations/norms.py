"""Norms of the activations, and which of them are outliers: two passes, one shard in memory.

Position 0 is kept out of the median and the mean: on many models its norm is two orders of
magnitude above the rest and would be all that a mean shows.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from semdim.artifacts.protocols import MissingShards, ShardSink, ShardSource

OUTLIER_RATIO = 10.0  # a token is a norm outlier when ‖h‖ exceeds this many medians
# Rows beyond so many medians of their own shard are kept from the first pass, so that the mean can
# do without those that turn out to be outliers of the sample.
_KEPT_RATIO = 5.0


@dataclass(frozen=True)
class Familiar:
    """What the activations of a sample are measured against."""

    limit: float
    """‖h‖ beyond which a token is a norm outlier: ten medians of positions ≥ 1."""
    mean: Float[Tensor, " d_model"]
    """Mean activation of positions ≥ 1 without outliers."""

    def columns(
        self, activation: Float[Tensor, "sequences context d_model"]
    ) -> dict[str, Float[Tensor, "sequences context"] | Bool[Tensor, "sequences context"]]:
        """``norm`` ‖h‖, ``is_outlier``, and ``centred_norm`` ‖h − mean‖ of one shard."""
        values = activation.float()
        norm = values.norm(dim=-1)
        return {
            "norm": norm,
            "is_outlier": norm > self.limit,
            "centred_norm": (values - self.mean).norm(dim=-1),
        }


def first_look(activation: Float[Tensor, "sequences context d_model"]) -> dict[str, Tensor]:
    """What `familiar` has to know of one shard.

    Returns:
        ``norm`` [s, T]; ``total`` [d], float64, the sum over positions ≥ 1; ``far`` [n, d] and
        ``far_norm`` [n], the rows among them whose norm exceeds ``kept_from`` [1].
    """
    values = activation.float()
    norm = values.norm(dim=-1)
    inside, inside_norm = values[:, 1:].flatten(0, 1), norm[:, 1:].flatten()
    kept_from = _KEPT_RATIO * inside_norm.median()
    far = inside_norm > kept_from
    return {
        "norm": norm,
        "total": inside.sum(dim=0, dtype=torch.float64),
        "far": inside[far],
        "far_norm": inside_norm[far],
        "kept_from": kept_from[None],
    }


def familiar(looks: Iterable[dict[str, Tensor]], read_again: Callable[[int], Tensor]) -> Familiar:
    """Combine what was seen of every shard.

    Args:
        looks: `first_look` of each shard, in order.
        read_again: the activation of one shard. Called only where too few rows were kept, that is
            where a shard's median norm is more than twice the sample's.
    """
    norms: list[Tensor] = []
    kept: list[tuple[Tensor, Tensor, float]] = []
    total = torch.zeros(1, dtype=torch.float64)
    for look in looks:
        norms.append(look["norm"][:, 1:].flatten())
        kept.append((look["far"], look["far_norm"], float(look["kept_from"])))
        total = total + look["total"]
    inside = torch.cat(norms)
    limit = OUTLIER_RATIO * float(inside.median())
    for index, (far, far_norm, kept_from) in enumerate(kept):
        if limit < kept_from:
            far = read_again(index)[:, 1:].flatten(0, 1).float()
            far_norm = far.norm(dim=-1)
        total = total - far[far_norm > limit].sum(dim=0, dtype=torch.float64)
    n_regular = int((inside <= limit).sum())
    return Familiar(limit, (total / max(n_regular, 1)).float())


def familiar_activations(activations: ShardSource) -> Familiar:
    """What the activations of a sample are measured against, in one pass over them."""
    return familiar(
        (first_look(shard["activation"]) for shard in activations),
        lambda index: activations.read(index)["activation"],
    )


def cache_norms(
    activations: ShardSource, writer: ShardSink, *, update: Callable[[int], object]
) -> None:
    """Write what the ledger has to know of activations that are not stored.

    Shards hold the columns of `Familiar.columns`, [s, T] each. The first of the two passes is
    resumed like the second: what it saw of a shard lies beside the unfinished work.

    Args:
        update: called with a number of tokens after each shard of each pass.
    """
    looks = writer.beside("looks")
    write_looks(activations, looks, update=update)
    write_norms(activations, familiar_of(activations, looks.read), writer, update=update)
    looks.discard()


def write_looks(
    activations: ShardSource, looks: MissingShards, *, update: Callable[[int], object]
) -> None:
    """The first pass: `first_look` of every shard that is missing."""
    for index in _missing(activations, looks, update):
        looks.write(index, first_look(activations.read(index)["activation"]))
        update(_n_tokens(activations, index))


def familiar_of(
    activations: ShardSource, read_look: Callable[[int], dict[str, Tensor]]
) -> Familiar:
    """Between the passes: what the sample's activations are measured against."""
    return familiar(
        (read_look(index) for index in range(len(activations))),
        lambda index: activations.read(index)["activation"],
    )


def write_norms(
    activations: ShardSource,
    reference: Familiar,
    writer: MissingShards,
    *,
    update: Callable[[int], object],
) -> None:
    """The second pass: the columns of every shard that is missing."""
    for index in _missing(activations, writer, update):
        columns = reference.columns(activations.read(index)["activation"])
        writer.write(index, dict(columns))
        update(_n_tokens(activations, index))


def _missing(
    activations: ShardSource, writer: MissingShards, update: Callable[[int], object]
) -> list[int]:
    """The shards to be computed; the tokens of the others are counted."""
    missing = writer.missing
    there = set(range(len(activations))) - set(missing)
    update(sum(_n_tokens(activations, index) for index in there))
    return missing


def _n_tokens(activations: ShardSource, index: int) -> int:
    return math.prod(activations.shape(index, "activation")[:2])
