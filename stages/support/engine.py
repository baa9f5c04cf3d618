"""What check_params finds of the engine: the dtype of this machine, refused where it is slow."""

from typing import Any

from semdim.errors import ConfigError
from semdim.fields import read
from semdim.forward.dtype import present_device, resolved_dtype
from semdim.forward.emulated import refuse_emulated
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
    refuse_emulated(spec)
    return {
        "compute_dtype": resolved_dtype(spec.compute_dtype, spec.device),
        "backend": spec.backend,
    }
