"""How fast this machine multiplies matrices of the model's own shapes."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.flops import Product
from semdim.forward.packed import PackedProducts
from semdim.forward.parallel import side_by_side
from semdim.forward.split import CHUNK_BYTES, rows_of_unembedding

_BYTES_OUT = 2**26  # of one product's result on a CPU: the unembedding gets fewer rows


def product_rates(
    products: Iterable[Product], rows: int, dtype: torch.dtype, device: str, repeats: int = 3
) -> dict[str, float]:
    """Operations per second of each product by name, with the ``rows`` of a batch (of its result
    no more than a chunk of logits).

    On a CPU the best of four ways counts: all threads on one product, or a product on each thread,
    which is how batches run side by side; each with the weight as it is and packed. Elsewhere the
    better of two: with the weight as it is, and with as many rows of zeros as the unembedding gets.
    """
    rates = {}
    for product in products:
        kind = torch.float32 if product.is_float32 else dtype
        most = _BYTES_OUT if device == "cpu" else CHUNK_BYTES
        n_rows = max(64, min(rows, most // (product.d_out * kind.itemsize)))
        flop = 2.0 * n_rows * product.d_in * product.d_out
        weight = torch.randn(product.d_out, product.d_in, device=device).to(kind)
        n_inputs = torch.get_num_threads() if device == "cpu" else 1
        inputs = [
            torch.randn(n_rows, product.d_in, device=device).to(kind) for _ in range(n_inputs)
        ]
        seconds = min(
            best_seconds(partial(way, multiply, inputs, device), repeats, device)
            for multiply in _multiplications(weight)
            for way in ((_one_by_one, _beside) if n_inputs > 1 else (_one_by_one,))
        )
        rates[product.name] = flop * n_inputs / seconds
    return rates


Multiply = Callable[[Tensor], Tensor]


def _multiplications(weight: Tensor) -> tuple[Multiply, Multiply]:
    """By the weight as it is, and by its packed or padded copy."""
    if weight.device.type != "cpu":
        n_rows = rows_of_unembedding(weight.device.type, weight.dtype, len(weight))
        padded = F.pad(weight, (0, 0, 0, n_rows - len(weight)))
        return partial(F.linear, weight=weight), partial(F.linear, weight=padded)
    products = PackedProducts([weight], longest_float32_sum=weight.shape[1])

    def packed(x: Tensor) -> Tensor:
        with products:
            return F.linear(x, weight)

    return partial(F.linear, weight=weight), packed


def _one_by_one(multiply: Multiply, inputs: Sequence[Tensor], _: str) -> None:
    for x in inputs:
        multiply(x)


def _beside(multiply: Multiply, inputs: Sequence[Tensor], device: str) -> None:
    for _ in side_by_side(multiply, inputs, device):
        pass


def best_seconds(work: Callable[[], object], repeats: int, device: str) -> float:
    """The shortest of several runs after one that is not counted: what the machine can do."""
    work()
    times = []
    for _ in range(repeats):
        synchronize(device)
        start = time.perf_counter()
        work()
        synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times)


def synchronize(device: str) -> None:
    """Wait for a device that works behind the caller's back."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
