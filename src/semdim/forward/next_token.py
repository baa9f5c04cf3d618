"""What logits say about the next token, and how far a proxy's predictions are from the model's.

Sums over the vocabulary are taken in float32 whatever the model's dtype.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

LN2 = 0.6931471805599453
BLOCK = 256
"""Columns of the vocabulary in which a highest value is looked for at once."""


@dataclass(frozen=True)
class NextToken:
    """What the logits say about the next token, one value per predicted position."""

    nll: Float[Tensor, " rows"]
    """−log2 p(next token): bits, not smoothed."""
    max_prob: Float[Tensor, " rows"] | None = None
    entropy: Float[Tensor, " rows"] | None = None
    """Bits."""
    energy: Float[Tensor, " rows"] | None = None
    """−logsumexp of the logits, nats (Liu et al. 2020, at temperature 1)."""
    top1_error: Float[Tensor, " rows"] | None = None
    """1 where some token is more probable than the next one, else 0."""
    kl: Float[Tensor, " rows"] | None = None
    """KL(M‖proxy) of the smoothed predictions, bits; at most (1−α)·log2(1 + (1−α)V/α)."""
    top1_agrees: Float[Tensor, " rows"] | None = None
    """1 where no token is more probable under the proxy than the model's most probable one (of
    equals the first), else 0."""

    @property
    def columns(self) -> dict[str, Tensor]:
        """The values that are there, by name."""
        named = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: values for name, values in named.items() if values is not None}

    @classmethod
    def joined(cls, parts: Sequence["NextToken"]) -> "NextToken":
        """Rows of several parts, one after another; all have the same columns."""
        columns = [part.columns for part in parts]
        return cls(**{name: torch.cat([part[name] for part in columns]) for name in columns[0]})


@dataclass(frozen=True)
class Predictions:
    """The model's predictions at some rows, as `compared` wants them."""

    shifted: Float[Tensor, "rows vocab_size"]
    """p + c with c = α/((1−α)V), so that the smoothed prediction is (1−α)(p + c)."""
    top: Int[Tensor, "rows 1"]
    """The most probable token, of equals the first."""
    smoothing: float
    """α."""

    @property
    def shift(self) -> float:
        """c."""
        return shift_of(self.smoothing, self.shifted.shape[-1])


def shift_of(smoothing: float, vocab_size: int) -> float:
    """c = α/((1−α)V): smoothed predictions are (1−α)(p + c)."""
    return smoothing / ((1.0 - smoothing) * vocab_size)


def losses(
    logits: Float[Tensor, "rows vocab_size"], target: Int[Tensor, "rows 1"]
) -> tuple[NextToken, Float[Tensor, "rows vocab_size"]]:
    """The losses of some rows, and ln p of every token."""
    log_p = F.log_softmax(logits, dim=-1)  # one fused pass, where logsumexp makes four
    return NextToken(-log_p.gather(1, target).squeeze(1) / LN2), log_p


def with_scores(
    logits: Float[Tensor, "rows vocab_size"],
    target: Int[Tensor, "rows 1"],
    smoothing: float | None = None,
) -> tuple[NextToken, Predictions | None]:
    """Losses and scores of some rows of the model; ``logits`` are overwritten.

    smoothing: α, where proxies are to be compared with the model; None: they are not.
    """
    log_p = F.log_softmax(logits, dim=-1)
    of_next = log_p.gather(1, target).squeeze(1)
    log_normaliser = logits.gather(1, target).squeeze(1) - of_next
    highest, top = first_highest(log_p)
    # H = −Σ p·ln p. A dot product by einsum took longer than all the rest.
    p = torch.exp(log_p, out=logits)
    entropy = log_p.mul_(p).sum(dim=-1) / -LN2
    found = NextToken(
        nll=-of_next / LN2,
        max_prob=highest.exp(),
        entropy=entropy.clamp_(min=0.0),
        energy=-log_normaliser,
        top1_error=(of_next < highest).float(),
    )
    if smoothing is None:
        return found, None
    return found, Predictions(p.add_(shift_of(smoothing, p.shape[-1])), top, smoothing)


def predictions(logits: Float[Tensor, "rows vocab_size"], smoothing: float) -> Predictions:
    """The model's predictions alone, where its losses are there already; ``logits`` are
    overwritten. To the bit those of `with_scores`."""
    log_p = F.log_softmax(logits, dim=-1)
    _, top = first_highest(log_p)
    p = torch.exp(log_p, out=logits)
    return Predictions(p.add_(shift_of(smoothing, p.shape[-1])), top, smoothing)


def compared(
    logits: Float[Tensor, "rows vocab_size"], target: Int[Tensor, "rows 1"], model: Predictions
) -> NextToken:
    """Losses of some rows of a proxy, with KL and agreement; ``logits`` are overwritten.

    KL = (1−α)·Σ (p + c)·log2((p + c)/(q + c)). The logarithm is of the ratio: of two sums over
    the vocabulary the difference would lose the digits that a small divergence has.
    """
    found, log_q = losses(logits, target)
    agrees = log_q.gather(1, model.top).squeeze(1) >= log_q.amax(dim=-1)
    ratio = torch.div(model.shifted, torch.exp(log_q, out=logits).add_(model.shift), out=logits)
    divergence = ratio.log_().mul_(model.shifted).sum(dim=-1)
    kl = (divergence * ((1.0 - model.smoothing) / LN2)).clamp_(min=0.0)
    return NextToken(nll=found.nll, kl=kl, top1_agrees=agrees.float())


def first_highest(
    values: Float[Tensor, "rows columns"],
) -> tuple[Float[Tensor, " rows"], Int[Tensor, "rows 1"]]:
    """The highest value of each row, and where it stands first.

    Looked for in blocks: on a CPU ``amax`` of all blocks and ``max`` of one took a third of the
    time of ``max`` of the row, and an eighth of that of ``argmax``.
    """
    n_rows, n_columns = values.shape
    n_whole = n_columns // BLOCK
    of_blocks = [values[:, : n_whole * BLOCK].view(n_rows, n_whole, BLOCK).amax(dim=-1)]
    if n_whole * BLOCK < n_columns:
        of_blocks.append(values[:, n_whole * BLOCK :].amax(dim=-1, keepdim=True))
    highest, block = torch.cat(of_blocks, dim=1).max(dim=-1, keepdim=True)
    inside = torch.arange(BLOCK, device=values.device)
    columns = (block * BLOCK + inside).clamp_(max=n_columns - 1)  # the last block is shorter
    first = values.gather(1, columns).max(dim=-1, keepdim=True).indices
    return highest.squeeze(1), block * BLOCK + first


def largest_kl(vocab_size: int, smoothing: float) -> float:
    """(1−α)·log2(1 + (1−α)V/α): the largest KL of two smoothed predictions, in bits.

    KL is convex in both together, so that it is largest where each puts all on one token, and these
    differ: (1−α)·Δ, below B = log2(V/α).
    """
    return (1.0 - smoothing) * math.log1p((1.0 - smoothing) * vocab_size / smoothing) / LN2
