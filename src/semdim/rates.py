"""How fast this machine computes: measured by a short product, or by the stages that ran here."""

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from semdim.artifacts.shards import write_json
from semdim.errors import SemdimError
from semdim.processor import cpu_name, instructions
from semdim.reading import entries, read_json, taken

#: Rows and columns of the matrices that are multiplied: the smaller ones first, and further where
#: one product of them took longer than `PATIENCE` seconds.
SMALL, LARGE, PATIENCE = 512, 1024, 0.05
#: Seconds to keep multiplying, three times at least.
SECONDS = 0.5


@dataclass(frozen=True)
class Rate:
    """How fast a stage computed when it last ran."""

    stage: str
    model: str
    compute_dtype: str
    processor: str
    """`processor` of the machine."""
    n_tokens: int
    """Tokens computed, times proxies; those of an earlier run that it resumed do not count."""
    seconds: float
    """What they took, without the start of the process and the loading of the model."""
    gflop_per_s: float
    """The arithmetic that `semdim.cost` counts for them, per second."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What a rate is of: the last run replaces an earlier one of the same."""
        return (self.stage, self.model, self.compute_dtype, self.processor)


def read_rates(path: Path) -> dict[tuple[str, str, str, str], Rate]:
    """The rates in a file, by their keys; none if it is missing or damaged."""
    try:
        rates = [_rate(entry) for entry in taken(read_json(path), "rates", entries, path)]
    except (SemdimError, ValueError, KeyError, TypeError):
        return {}
    return {rate.key: rate for rate in rates}


def _rate(entry: Mapping[str, Any]) -> Rate:
    rate = Rate(**{item.name: entry[item.name] for item in fields(Rate)})
    if not rate.gflop_per_s > 0:
        raise ValueError(f"{rate.stage} has no rate")
    return rate


def record_rate(path: Path, rate: Rate) -> None:
    """Add a rate to a file, in the place of an earlier one of the same."""
    rates = read_rates(path) | {rate.key: rate}
    write_json(path, {"rates": [asdict(rates[key]) for key in sorted(rates)]})


def processor(device: str, n_threads: int | None = None) -> str:
    """What computes, by name: rates hold for this alone.

    Args:
        device: cpu, cuda or mps.
        n_threads: of the CPU; None: torch's own choice.
    """
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    if device != "cpu":
        return device
    return f"{cpu_name()}, {instructions()}, {n_threads or os.cpu_count()} threads"


def measured_rate(dtype: str, device: str = "cpu") -> float:
    """GFLOP/s of a matrix product in float32 or bfloat16 here, in about half a second; in a few
    where it is emulated."""
    import torch

    from semdim.forward.dtype import torch_dtype

    def product(size: int) -> float:
        """Seconds that it takes."""
        a = torch.ones(size, size, dtype=torch_dtype(dtype), device=device)
        start = time.perf_counter()
        (a @ a)[0, 0].item()  # waits until a GPU is done
        return time.perf_counter() - start

    product(SMALL)  # finds its kernels
    size = LARGE if product(SMALL) < PATIENCE else SMALL
    end = time.perf_counter() + SECONDS
    times: list[float] = []
    while len(times) < 3 or time.perf_counter() < end:
        times.append(product(size))
    return 2 * size**3 / 1e9 / sorted(times)[len(times) // 2]
