"""Activations to sparse codes, and what the ledger says of each token's reconstruction."""

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from semdim.artifacts.protocols import MissingShards, ShardSource
from semdim.codes.sparse import Codes, concatenate, decode, from_dense
from semdim.forward.batching import Batches

# Rows that are dense at once on a CPU: the passes over them (threshold, choice of the active ones)
# then find them in the cache. With 2,048 rows of 9,216 atoms encoding took 1.4 times as long.
ROWS_PER_CHUNK = 256


@runtime_checkable
class Encoder(Protocol):
    """What semdim asks of an SAE: dense feature activations of one batch."""

    def encode(self, x: Tensor) -> Tensor: ...


def encode_rows(sae: Encoder, activation: Float[Tensor, "rows d_model"], batch_rows: int) -> Codes:
    """Codes of ``rows`` activations; at most ``batch_rows`` of them are ever dense."""
    if activation.device.type == "cpu":
        batch_rows = min(batch_rows, ROWS_PER_CHUNK)
    with torch.inference_mode():
        return concatenate(
            [from_dense(sae.encode(part.float())) for part in activation.split(batch_rows)]
        )


class Encoding:
    """How the activations of a shard become its codes.

    Args:
        sae: the encoder.
        weight: its decoder, rows of unit norm, on ``device``.
        bias: of the decoder.
        batch_rows: tokens that are dense at once.
        device: to compute on.
    """

    def __init__(
        self,
        sae: Encoder,
        weight: Float[Tensor, "dict_size d_model"],
        bias: Float[Tensor, " d_model"],
        *,
        batch_rows: int,
        device: str,
    ) -> None:
        self._sae, self._weight, self._bias = sae, weight, bias
        self._batch_rows, self._device = batch_rows, device
        self._batches = Batches(batch_rows, device, unit="tokens")

    def of_shard(
        self,
        activation: Float[Tensor, "sequences context d_model"],
        update: Callable[[int], object],
    ) -> dict[str, Tensor]:
        """The tensors of a shard of codes, as `encode_codes` writes them.

        Raises:
            DataError: the encoder returned values that are not codes.
        """
        rows = activation.flatten(0, 1)

        def work(batch: slice) -> tuple[Codes, Tensor]:
            part = rows[batch].to(self._device)
            codes = encode_rows(self._sae, part, self._batch_rows)
            rebuilt = decode(codes, self._weight, self._bias)
            norms = torch.stack([rebuilt.norm(dim=-1), (part.float() - rebuilt).norm(dim=-1)])
            return codes.to("cpu"), norms.cpu()

        codes_parts, norm_parts = [], []
        for codes, norms in self._batches.run(work, len(rows)):
            codes_parts.append(codes)
            norm_parts.append(norms)
            update(norms.shape[1])
        codes, (norm, error) = concatenate(codes_parts), torch.cat(norm_parts, dim=1).unbind()
        columns = {
            "code_norm": codes.norm,
            "reconstruction_norm": norm.clone(),
            "reconstruction_error": error.clone(),
        }
        return codes.tensors() | columns


def encode_codes(
    encoding: Encoding,
    activations: ShardSource,
    writer: MissingShards,
    *,
    update: Callable[[int], object],
) -> None:
    """Write the codes of every token, a CSR shard for each shard of activations.

    A shard holds ``row_starts``, ``atoms``, ``values`` (see `semdim.codes.sparse`) and, per token,
    ``code_norm`` ‖c‖, ``reconstruction_norm`` ‖S(h)‖ and ``reconstruction_error`` ‖h − S(h)‖.

    Raises:
        DataError: the encoder returned values that are not codes.
    """
    missing = writer.missing
    for index in set(range(len(activations))) - set(missing):
        update(math.prod(activations.shape(index, "activation")[:2]))
    for index, shard in zip(missing, activations.ahead(missing), strict=True):
        writer.write(index, encoding.of_shard(shard["activation"], update))


def codes_of_shard(shard: dict[str, Tensor], dict_size: int) -> Codes:
    """The codes that `encode_codes` wrote to one shard."""
    return Codes(shard["row_starts"], shard["atoms"], shard["values"], dict_size)
