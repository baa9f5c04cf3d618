"""The device and the arithmetic of a run, found from what its settings ask for."""

import platform
from typing import TYPE_CHECKING

from semdim.errors import ConfigError

if TYPE_CHECKING:
    import torch


def present_device(device: str) -> str:
    """The device to use: cuda, mps or cpu.

    Args:
        device: auto (the first of these that is there), or one of them.

    Raises:
        ConfigError: the device that was asked for is not there.
    """
    if device == "cpu":
        return device
    import torch

    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(name for name, there in present.items() if there)
    if not present[device]:
        raise ConfigError(
            f"engine.device = {device!r} was asked for, but torch sees no such device "
            "here; use engine.device=auto."
        )
    return device


def resolved_dtype(compute_dtype: str, device: str = "auto") -> str:
    """float32 or bfloat16: what ``auto`` means on this machine, and what else stands for itself.

    Raises:
        ConfigError: ``auto``, and the device that was asked for is not there.
    """
    if compute_dtype != "auto":
        return compute_dtype
    return "bfloat16" if has_bfloat16(present_device(device)) else "float32"


def torch_dtype(name: str) -> "torch.dtype":
    """torch's dtype of the name float32 or bfloat16."""
    import torch

    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def has_bfloat16(device: str) -> bool:
    """Whether cuda, mps or cpu multiplies in bfloat16 itself. On mps nobody has measured it here,
    so that it counts as False."""
    import torch

    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu" or not onednn_takes_bfloat16():
        return False
    # oneDNN takes it wherever there is AVX-512, which widens it to float32 first.
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    return not is_x86 or asked is None or bool(asked())


def onednn_takes_bfloat16() -> bool:
    """Whether oneDNN multiplies in bfloat16 here. Where it does not, torch does, slowly."""
    import torch

    if not torch.backends.mkldnn.is_available():
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
