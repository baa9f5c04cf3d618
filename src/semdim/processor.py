"""The processor's name, as its maker gives it, and the instructions that are used of it."""

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """Model of the first processor, such as ``AMD EPYC 7B13``; its kind where no model is known.

    Args:
        cpuinfo: Linux's list of processors; elsewhere it does not exist, and the system is asked.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, names), "") or platform.processor() or platform.machine()


def instructions() -> str:
    """The widest vector instructions that torch uses, such as ``AVX2`` or ``AVX512``: sums are
    rounded, and speeds differ, by them. A limit set in the environment counts."""
    import torch

    return torch.backends.cpu.get_cpu_capability()
