"""A plan of any size as `semdim plan --tokens` prints it."""

from collections.abc import Iterator

from semdim.scale.project import Scale


def lines(scale: Scale) -> Iterator[str]:
    """The plan, line by line."""
    flop = 1e9 * sum(artifact.gflop for artifact in scale.artifacts)
    yield (
        f"{scale.n_tokens:,} tokens of the sample: {flop / 1e15:,.3g} PFLOP of matrix products, "
        f"{flop / scale.n_tokens / 1e9:.3g} GFLOP per token; {size(scale.n_bytes)} on the disk."
    )
    yield ""
    yield f"{'stage':<20}{'PFLOP':>12}{'on disk':>12}"
    for artifact in scale.artifacts:
        pflop = artifact.gflop / 1e6
        yield f"{artifact.stage:<20}{pflop:>12,.4g}{size(artifact.n_bytes):>12}"
    yield ""
    yield f"{'device':<24}{'GPU-hours':>12}{f'hours on {scale.n_gpus}':>16}  rate"
    for found in scale.hours:
        nominal = f"{found.device.nominal_tflops:,.0f} TFLOP/s by its maker"
        how = "measured" if found.device.is_measured else f"{nominal} × {scale.share:.3f}, a guess"
        yield f"{found.device.name:<24}{found.gpu_hours:>12,.3g}{found.hours:>16,.3g}  {how}"
    yield (
        f"The H100 reaches {scale.share:.3f} of its {scale.hours[0].device.nominal_tflops:,.0f} "
        "TFLOP/s in bfloat16, between two models that were measured; hours without start, "
        "stragglers and failures."
    )
    yield ""
    yield (
        f"{size(scale.disk_bytes)} of disk hold {scale.n_tokens_stored:,} tokens with activations "
        f"stored, {scale.n_tokens_unstored:,} with engine.store_activations=false, and "
        f"{scale.n_tokens_at_all:,} with engine.store_codes=false as well: " + _advice(scale)
    )
    first = scale.hours[0].device
    yield (
        f"One more proxy: {scale.gpu_hours(scale.proxy, first):,.3g} GPU-hours of an H100 and "
        f"{size(scale.proxy.n_bytes)}. One more probe at the same hook point: "
        f"{scale.gpu_hours(scale.probe, first):,.3g} and {size(scale.probe.n_bytes)}."
    )


def _advice(scale: Scale) -> str:
    if scale.n_tokens <= scale.n_tokens_stored:
        return "this run may store them."
    if scale.n_tokens <= scale.n_tokens_unstored:
        return "this run needs engine.store_activations=false."
    if scale.n_tokens <= scale.n_tokens_at_all:
        return "this run needs both."
    return "this run does not fit either way."


def size(n_bytes: int | float) -> str:
    """Bytes for a reader."""
    for factor, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB")):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes / 1e6:.0f} MB"
