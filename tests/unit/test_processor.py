"""The name of the processor."""

import platform
from pathlib import Path

import pytest

from semdim.processor import cpu_name


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
