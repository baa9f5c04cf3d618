"""How fast classes of devices take tokens to the ledger, and where each figure is from.

Measured here is the H100, with two models (docs/performance.md): the share of its nominal rate that
is reached grows with the arithmetic of a token, since what is no matrix product is then less of
it. Of a device that was not measured nothing is known but its maker's figure; it is taken to reach
the same share of that, which is a guess and is marked as one.
"""

import math
from dataclasses import dataclass

H100 = "NVIDIA H100 80GB HBM3"


@dataclass(frozen=True)
class Measured:
    """A run of the bench on the H100, in bfloat16, every artifact written."""

    subject: str
    """Whose shape the model and its autoencoder have."""
    flop_per_token: float
    """Matrix products from a token to its row of the ledger, with the proxies model and sae."""
    tokens_per_second: float
    """Median."""


@dataclass(frozen=True)
class Device:
    """A class of devices."""

    name: str
    nominal_tflops: float
    """10¹² floating-point operations per second in bfloat16, dense, by its maker's data sheet."""
    is_measured: bool
    """Whether semdim ran on it."""


MEASURED = (
    Measured("gpt2-small-shape", 449401478.07421875, 47732.276704436925),
    Measured("gemma-2b-shape", 7224936364.375, 16229.89031003285),
)
"""From docs/performance, as tests/unit/test_scale.py holds; ascending in arithmetic."""

DEVICES = (
    Device(H100, 989.0, True),
    Device("NVIDIA H200", 989.0, False),
    Device("NVIDIA A100 SXM", 312.0, False),
    Device("NVIDIA L40S", 362.0, False),
    Device("NVIDIA L4", 121.0, False),
)


def efficiency(flop_per_token: float) -> float:
    """The share of the nominal rate that the H100 reaches, in (0, 1): between the two measured
    models linear in the logarithm of the arithmetic, outside that of the nearer."""
    nominal = next(device for device in DEVICES if device.name == H100).nominal_tflops * 1e12
    shares = [run.flop_per_token * run.tokens_per_second / nominal for run in MEASURED]
    low, high = (math.log(run.flop_per_token) for run in MEASURED)
    place = (math.log(flop_per_token) - low) / (high - low)
    return shares[0] + min(max(place, 0.0), 1.0) * (shares[1] - shares[0])


def flop_per_second(device: Device, flop_per_token: float) -> float:
    """What a device achieves on a model of so much arithmetic per token."""
    return device.nominal_tflops * 1e12 * efficiency(flop_per_token)
