"""The name of the processor, and what is used of it."""

import platform
from pathlib import Path

import pytest
import torch

from semdim.processor import cpu_name
from semdim.rates import processor


def test_it_is_the_first_model_that_linux_lists(tmp_path: Path) -> None:
    listed = tmp_path / "cpuinfo"
    listed.write_text("processor\t: 0\nmodel name\t: Some: CPU 9 @ 2 GHz\nmodel name\t: Other\n")
    assert cpu_name(listed) == "Some: CPU 9 @ 2 GHz"


@pytest.mark.parametrize("content", [None, "processor\t: 0\nmodel name\t:\n"])
def test_without_a_model_it_is_what_the_system_says(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "cpuinfo").write_text(content)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert cpu_name(tmp_path / "cpuinfo") == "riscv64"
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    assert cpu_name(tmp_path / "cpuinfo") == "arm"


def test_a_rate_is_that_of_the_instructions_that_were_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that is limited to AVX2 is half as fast, and none of its rates may be read as
    those of the whole."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert processor("cpu", 3) == f"{cpu_name()}, AVX2, 3 threads"
