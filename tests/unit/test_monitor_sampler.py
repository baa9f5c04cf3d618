"""Draws at the ends of what a seed and a temperature can be."""

import pytest
import torch

from semdim.errors import ConfigError
from semdim.monitor.live import Sampler


@pytest.mark.parametrize("temperature", [1e-320, 5e-324, 1e-31, 0])
def test_a_temperature_that_vanishes_takes_the_most_likely_token(temperature: float) -> None:
    Sampler(temperature, 2**64 - 1)
    assert Sampler(temperature, 0)._temperature == 0.0


@pytest.mark.parametrize("seed", [2**64, 10**400, -(2**63) - 1])
def test_a_seed_beyond_64_bits_is_refused(seed: int) -> None:
    with pytest.raises(ConfigError, match="64 bits that a generator takes"):
        Sampler(1.0, seed)
    assert torch.Generator().manual_seed(2**64 - 1) is not None
