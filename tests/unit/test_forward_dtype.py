"""What a run asks for and what this machine has: the device and the dtype that come of it."""

import subprocess
import sys

import pytest
import torch

from semdim.errors import ConfigError
from semdim.forward import dtype
from semdim.forward.dtype import has_bfloat16, present_device, resolved_dtype
from semdim.forward.spec import EngineSpec


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_float32_is_the_default_and_needs_no_torch() -> None:
    code = (
        "import sys; from semdim.forward.spec import EngineSpec; "
        "from semdim.forward.dtype import resolved_dtype as of; "
        "print(EngineSpec().compute_dtype, of('float32'), of('bfloat16'), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["float32", "float32", "bfloat16", "False"]


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.usefixtures("no_gpu")
def test_auto_is_what_the_device_has(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(dtype, "has_bfloat16", lambda device: bool(asked.append(device)) or native)
    expected = "bfloat16" if native else "float32"
    assert resolved_dtype("auto") == resolved_dtype("auto", "cpu") == expected
    assert asked == ["cpu", "cpu"]
    assert EngineSpec("auto").dtype == getattr(torch, expected)


def test_a_processor_has_bfloat16_if_onednn_and_its_instructions_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dtype.platform, "machine", lambda: "x86_64")
    for onednn, instructions in ((False, False), (True, False), (True, True)):
        monkeypatch.setattr(dtype, "onednn_takes_bfloat16", lambda onednn=onednn: onednn)
        monkeypatch.setattr(
            torch.cpu, "_is_avx512_bf16_supported", lambda there=instructions: there, raising=False
        )
        assert has_bfloat16("cpu") == (onednn and instructions)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    monkeypatch.setattr(dtype.platform, "machine", lambda: "aarch64")
    assert has_bfloat16("cpu")  # oneDNN alone knows of ARM's
    assert not has_bfloat16("mps")


def test_a_gpu_is_asked_without_its_emulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation
    )
    assert resolved_dtype("auto") == resolved_dtype("auto", "cuda") == "float32"


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=rf"engine\.device = '{device}'.*engine.device=auto"):
        present_device(device)
    with pytest.raises(ConfigError, match=r"engine\.device=auto"):
        EngineSpec(device=device).start()
    assert present_device("auto") == "cpu"


def test_onednn_is_not_asked_where_torch_is_built_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not dtype.onednn_takes_bfloat16() and not has_bfloat16("cpu")
