"""A model cut in two at the residual stream: the prefix is run once, suffixes start at its cache.

What runs the blocks is a back end (`semdim.forward.backend`); here is what both have in common.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from semdim.forward.backend import Backend, backend_of
from semdim.forward.hook_points import start_layer
from semdim.forward.next_token import (
    NextToken,
    Predictions,
    compared,
    losses,
    predictions,
    with_scores,
)
from semdim.forward.packed import PackedProducts

# Rows of logits at once on a CPU, whatever the batch or the vocabulary. On two cores with 32 MB of
# cache and a vocabulary of 49,152, 64 and 256 rows were 15 % slower.
ROWS_PER_CHUNK = 128
# Of these, so many are summed over the vocabulary at once that their float32 copies stay in the
# cache of a core from one pass to the next: 4 of SmolLM2's. With 16 of them, losses took 1.2 times
# as long; with 4 of a vocabulary of 768, the calls took longer than the sums.
SUM_BYTES = 3 * 2**18
# Elsewhere a chunk's logits in float32 may take so many bytes: a product of 128 rows is too small
# to fill a GPU.
CHUNK_BYTES = 2**29
# Tensor cores are fast where rows are a multiple of 16 bytes. GPT-2's vocabulary of 50,257 is odd:
# as it is, all products in bfloat16 took 2.0 microseconds a token on an H100; with rows of zeros
# behind it, 0.6.
ROWS_MULTIPLE = 64


class SplitModel:
    """``model`` cut at ``hook_name``.

    Args:
        model: a back end; or a HookedTransformer or a decoder of transformers, which is given one
            (`backend_of`). Sequences all have the same length, so that no attention mask is needed.
        hook_name: ``blocks.L.hook_resid_pre`` or ``blocks.L.hook_resid_post``.

    Raises:
        MismatchError: the hook point is not on the model's residual stream, or no back end knows
            the model.
    """

    def __init__(self, model: Any, hook_name: str) -> None:
        self.backend: Backend = model if isinstance(model, Backend) else backend_of(model)
        self.model = self.backend.model
        self.hook_name = hook_name
        self.n_layers, self.d_model = self.backend.n_layers, self.backend.d_model
        self.start_layer = start_layer(hook_name, self.n_layers)
        self.device = self.backend.unembedding.device
        self._vocab_size = self.backend.vocab_size
        # Contiguous: TransformerLens keeps its transpose, and would turn it at each call.
        self._unembed = self._padded(self.backend.unembedding).contiguous()
        bias = self.backend.unembedding_bias
        self._unembed_bias = None if bias is None else self._padded(bias)
        self._chunk = rows_per_chunk(self.device.type, self._vocab_size)
        # Elsewhere than on a CPU it would pack nothing, and look at every call of torch for that.
        self._products: AbstractContextManager[object] = (
            PackedProducts(
                [*self.model.parameters(), self._unembed], longest_float32_sum=self.d_model
            )
            if self.device.type == "cpu"
            else nullcontext()
        )

    @torch.inference_mode()
    def prefix(
        self, token_ids: Int[Tensor, "batch position"]
    ) -> Float[Tensor, "batch position d_model"]:
        """The activation at the hook point."""
        with self._products:
            return self.backend.prefix(token_ids.to(self.device).long(), self.start_layer)

    @torch.inference_mode()
    def suffix(
        self, activation: Float[Tensor, "batch position d_model"]
    ) -> Float[Tensor, "batch position d_model"]:
        """The final, normalised residual stream when the model continues from ``activation``."""
        with self._products:
            return self.run_suffix(activation)

    @torch.inference_mode()
    def logits(self, residual: Float[Tensor, "rows d_model"]) -> Float[Tensor, "rows vocab_size"]:
        """Logits of normalised residual rows."""
        with self._products:
            return self.run_logits(residual)

    def run_suffix(
        self, activation: Float[Tensor, "batch position d_model"]
    ) -> Float[Tensor, "batch position d_model"]:
        """`suffix` in the caller's gradient mode."""
        return self.backend.suffix(activation, self.start_layer)

    def run_logits(
        self, residual: Float[Tensor, "rows d_model"]
    ) -> Float[Tensor, "rows vocab_size"]:
        """`logits` in the caller's gradient mode."""
        logits = F.linear(residual, self._unembed, self._unembed_bias)[..., : self._vocab_size]
        if self.backend.is_unembed_centred:
            logits = logits - logits.mean(dim=-1, keepdim=True)
        cap = self.backend.soft_cap
        return logits if cap is None else cap * torch.tanh(logits / cap)

    def _padded(self, of_vocabulary: Tensor) -> Tensor:
        """With zeros behind its rows where that makes products faster."""
        n_rows = len(of_vocabulary)
        wanted = rows_of_unembedding(self.device.type, of_vocabulary.dtype, n_rows)
        if wanted == n_rows:
            return of_vocabulary
        return torch.cat(
            [of_vocabulary, of_vocabulary.new_zeros(wanted - n_rows, *of_vocabulary.shape[1:])]
        )

    @torch.inference_mode()
    def next_token(
        self,
        residual: Float[Tensor, "batch position d_model"],
        token_ids: Int[Tensor, "batch position"],
        *,
        scores: bool = False,
    ) -> NextToken:
        """Losses of the ``position − 1`` predictions of each sequence, flattened in order.

        The logits of all rows are never in memory at once. Sums over the vocabulary are taken in
        float32 whatever the model's dtype.
        """
        rows, targets = self._rows(residual), self._targets(token_ids)
        parts = [
            with_scores(part, target)[0] if scores else losses(part, target)[0]
            for at in self._chunks(len(rows))
            for part, target in self._summed(rows[at], targets[at])
        ]
        return NextToken.joined(parts)

    @torch.inference_mode()
    def compared(
        self,
        model: Float[Tensor, "batch position d_model"],
        proxies: Sequence[Float[Tensor, "batch position d_model"]],
        token_ids: Int[Tensor, "batch position"],
        *,
        smoothing: float,
        has_model: bool,
    ) -> tuple[NextToken | None, list[NextToken]]:
        """`next_token` of several proxies, with what compares them with the model.

        The model's logits are computed once for all of them, and no more of them are in memory at a
        time than with one: twice as many as `next_token` holds.

        Args:
            model: the model's own final residual stream.
            proxies: those of the proxies.
            token_ids: ids of the same positions.
            smoothing: α of the predictions whose divergence is taken.
            has_model: whether the model's own losses and scores are wanted, too.

        Returns:
            the model's, and each proxy's.
        """
        of_model, targets = self._rows(model), self._targets(token_ids)
        rows = [self._rows(proxy) for proxy in proxies]
        own: list[NextToken] = []
        parts: list[list[NextToken]] = [[] for _ in proxies]
        for at in self._chunks(len(of_model)):
            references: list[Predictions | None] = []
            for part, target in self._summed(of_model[at], targets[at]):
                if has_model:
                    columns, reference = with_scores(part, target, smoothing)
                    own.append(columns)
                else:
                    reference = predictions(part, smoothing)
                references.append(reference)
            for found, of_proxy in zip(parts, rows, strict=True):
                for (part, target), reference in zip(
                    self._summed(of_proxy[at], targets[at]), references, strict=True
                ):
                    if reference is not None:
                        found.append(compared(part, target, reference))
        return (
            NextToken.joined(own) if has_model else None,
            [NextToken.joined(found) for found in parts],
        )

    def _rows(
        self, residual: Float[Tensor, "batch position d_model"]
    ) -> Float[Tensor, "rows d_model"]:
        """The rows that predict a token."""
        return residual[:, :-1].reshape(-1, residual.shape[-1])

    def _targets(self, token_ids: Int[Tensor, "batch position"]) -> Int[Tensor, "rows 1"]:
        """The tokens that they predict."""
        return token_ids[:, 1:].reshape(-1, 1).to(self.device).long()

    def _chunks(self, n_rows: int) -> Iterator[slice]:
        """Rows whose logits are in memory at once."""
        return (slice(start, start + self._chunk) for start in range(0, n_rows, self._chunk))

    def _summed(
        self, rows: Float[Tensor, "rows d_model"], targets: Int[Tensor, "rows 1"]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The logits of a chunk in float32, as many rows as are summed over at once; with their
        targets."""
        n_summed = rows_per_sum(self._vocab_size) if self.device.type == "cpu" else self._chunk
        parts = zip(self.logits(rows).split(n_summed), targets.split(n_summed), strict=True)
        for logits, target in parts:
            yield logits.float(), target


def rows_per_chunk(device_type: str, vocab_size: int) -> int:
    """Rows of logits that are in memory at once."""
    if device_type == "cpu":
        return ROWS_PER_CHUNK
    return max(ROWS_PER_CHUNK, CHUNK_BYTES // (4 * vocab_size))


def rows_per_sum(vocab_size: int) -> int:
    """Rows of logits that are summed over at once on a CPU."""
    return max(1, SUM_BYTES // (4 * vocab_size))


def rows_of_unembedding(device_type: str, dtype: torch.dtype, vocab_size: int) -> int:
    """Rows that the unembedding is given, the vocabulary's first: more for tensor cores."""
    if device_type != "cuda" or dtype.itemsize > 2:
        return vocab_size
    return -(-vocab_size // ROWS_MULTIPLE) * ROWS_MULTIPLE
