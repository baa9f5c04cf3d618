"""What check_params finds of the engine: the dtype of this machine, refused where it is slow."""

from typing import Any

from semdim.errors import ConfigError
from semdim.fields import read
from semdim.forward.dtype import has_bfloat16, present_device, resolved_dtype
from semdim.forward.spec import EngineSpec


def engine_record(settings: Any) -> dict[str, Any]:
    """What stages depend on of the section ``engine``: back end, and dtype with ``auto`` resolved.

    Where a cluster computes, nothing is said of devices: this machine need not have what the
    workers have.

    Raises:
        ConfigError: the device is not there, or emulates the dtype more slowly than float32; or
            ``auto`` would ask this machine for the dtype of a cluster.
    """
    spec = read(EngineSpec, settings, "engine")
    if spec.workers != "local":
        if spec.compute_dtype == "auto":
            raise ConfigError(
                "engine.compute_dtype = 'auto' is decided by the machine that computes, and with "
                f"engine.workers = {spec.workers!r} there are several: choose float32 or bfloat16."
            )
        return {"compute_dtype": spec.compute_dtype, "backend": spec.backend}
    if spec.device not in ("auto", "cpu"):
        present_device(spec.device)
    if spec.compute_dtype == "bfloat16":
        refuse_emulated(spec)
    return {
        "compute_dtype": resolved_dtype(spec.compute_dtype, spec.device),
        "backend": spec.backend,
    }


def refuse_emulated(spec: EngineSpec) -> None:
    """Refuse bfloat16 where it is emulated and a short product in it is slower than in float32.

    Raises:
        ConfigError: with both rates.
    """
    device = present_device(spec.device)
    if has_bfloat16(device):
        return
    from semdim.rates import measured_rate

    spec.start()  # the threads that it will run on
    slow, fast = (measured_rate(dtype, device) for dtype in ("bfloat16", "float32"))
    if slow < fast:
        raise ConfigError(
            f"engine.compute_dtype = 'bfloat16' is emulated by this {device}: bfloat16 runs at "
            f"{slow:.2g} GFLOP/s here, float32 at {fast:.0f}; use engine.compute_dtype=float32 or "
            "auto."
        )
