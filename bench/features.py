"""Which instructions of the processor the arithmetic uses: they decide the speed, and the name of a
processor on a rented machine often does not tell them.

A faster processor stands in for one without AVX-512 where all three libraries are told so:

    export ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2

MKL obeys on processors of Intel only.
"""

import os
from typing import Any

import torch

from semdim.forward.dtype import has_bfloat16

LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
"""The limits that PyTorch, oneDNN and MKL obey."""


def features() -> dict[str, Any]:
    """``vectors``: PyTorch's widest kernels; ``bfloat16``: whether it multiplies in it natively;
    ``tiles``: whether by Intel's AMX; ``limited_to``: what the libraries were told, or ""."""
    limits = {os.environ[name].lower() for name in LIMITS if os.environ.get(name)}
    bfloat16 = has_bfloat16("cpu")
    has_tiles = getattr(torch.cpu, "_is_amx_tile_supported", bool)
    return {
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": bfloat16,
        "tiles": bfloat16 and bool(has_tiles()),
        "limited_to": "-".join(sorted(limits)),
    }


def told(found: dict[str, Any]) -> str:
    """The features in words: ``AVX512, bfloat16, AMX``."""
    words = [found["vectors"], "bfloat16" if found["bfloat16"] else "no bfloat16"]
    return ", ".join([*words, *(["AMX"] if found["tiles"] else [])])
