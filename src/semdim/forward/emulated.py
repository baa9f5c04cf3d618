"""bfloat16 where it is emulated, and slower than float32: refused before anything runs."""

from semdim.errors import ConfigError
from semdim.forward.dtype import has_bfloat16, present_device
from semdim.forward.spec import EngineSpec


def refuse_emulated(spec: EngineSpec, name: str = "engine.compute_dtype") -> None:
    """Refuse bfloat16 where it is emulated and a short product in it is slower than in float32.
    Of a cluster nothing is known here.

    Args:
        spec: the engine.
        name: what the user set.

    Raises:
        ConfigError: with both rates; or the device that was asked for is not there.
    """
    if spec.compute_dtype != "bfloat16" or spec.workers != "local":
        return
    device = present_device(spec.device)
    if has_bfloat16(device):
        return
    from semdim.rates import measured_rate

    spec.start()  # the threads that it will run on
    slow, fast = (measured_rate(dtype, device) for dtype in ("bfloat16", "float32"))
    if slow < fast:
        raise ConfigError(
            f"{name} = 'bfloat16' is emulated by this {device}: bfloat16 runs at {slow:.2g} "
            f"GFLOP/s here, float32 at {fast:.0f}; choose float32 or auto."
        )
