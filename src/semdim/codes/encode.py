"""Activations to sparse codes, and what the ledger says of each token's reconstruction."""

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from semdim.artifacts.protocols import ShardSink, ShardSource
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


def encode_codes(
    sae: Encoder,
    weight: Float[Tensor, "dict_size d_model"],
    bias: Float[Tensor, " d_model"],
    activations: ShardSource,
    writer: ShardSink,
    *,
    batch_rows: int,
    device: str,
    update: Callable[[int], object],
) -> None:
    """Write the codes of every token, a CSR shard for each shard of activations.

    A shard holds ``row_starts``, ``atoms``, ``values`` (see `semdim.codes.sparse`) and, per token,
    ``code_norm`` ‖c‖ and ``reconstruction_error`` ‖h − S(h)‖.

    Raises:
        DataError: the encoder returned values that are not codes.
    """
    batches = Batches(batch_rows, device, unit="tokens")
    missing = writer.missing
    for index in set(range(len(activations))) - set(missing):
        update(math.prod(activations.shape(index, "activation")[:2]))
    for index, shard in zip(missing, activations.ahead(missing), strict=True):
        rows = shard["activation"].flatten(0, 1)

        def work(batch: slice, rows: Tensor = rows) -> tuple[Codes, Tensor]:
            part = rows[batch].to(device)
            codes = encode_rows(sae, part, batch_rows)
            error = (part.float() - decode(codes, weight, bias)).norm(dim=-1)
            return codes.to("cpu"), error.cpu()

        codes_parts, errors = [], []
        for codes, error in batches.run(work, len(rows)):
            codes_parts.append(codes)
            errors.append(error)
            update(len(error))
        codes = concatenate(codes_parts)
        writer.write(
            index,
            codes.tensors() | {"code_norm": codes.norm, "reconstruction_error": torch.cat(errors)},
        )


def codes_of_shard(shard: dict[str, Tensor], dict_size: int) -> Codes:
    """The codes that `encode_codes` wrote to one shard."""
    return Codes(shard["row_starts"], shard["atoms"], shard["values"], dict_size)
