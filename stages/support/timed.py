"""How fast a stage that runs a model is, noted for the plan of the next run; no artifact has it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from semdim.artifacts.protocols import ShardSink
from semdim.cost import Cost, hook_cost, probe_cost
from semdim.forward.dtype import present_device
from semdim.rates import Rate, processor, record_rate
from stages.support.run import Run


@contextmanager
def timed(run: Run, *parts: tuple[ShardSink, int]) -> Iterator[None]:
    """Time what is computed inside, and record the rate if anything was.

    Args:
        run: the stage, by whose unit its arithmetic is counted.
        parts: each writer, and the tokens of all of its shards, those that are there included.
    """
    before = [len(writer.missing) for writer, _ in parts]
    start = time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    of_shard = run.setting("engine.shard_sequences") * run.setting("tokens.context")
    n_tokens = [
        min(n, (missing - len(writer.missing)) * of_shard)
        for (writer, n), missing in zip(parts, before, strict=True)
    ]
    cost = _cost(run)
    if cost is not None and sum(n_tokens) > 0:
        record_rate(run.paths.rates, _rate(run, cost, n_tokens, seconds))


def _rate(run: Run, cost: Cost, n_tokens: list[int], seconds: float) -> Rate:
    stage, stored = run.module.rpartition(".")[2], run.setting("engine.store_activations")
    codes = run.setting("engine.store_codes")
    flop = sum(n_tokens) * cost.flop(stage, stored=stored, codes_stored=codes)
    if stage in ("compute_losses", "further_losses"):  # all proxies share one pass of the prefix
        flop += max(n_tokens) * cost.again(stored=stored, codes_stored=codes)
    device = present_device(run.setting("engine.device"))
    return Rate(
        stage=stage,
        model=run.model,
        compute_dtype=run.compute_dtype,
        processor=processor(device, run.setting("engine.n_threads")),
        n_tokens=sum(n_tokens),
        seconds=seconds,
        gflop_per_s=flop / 1e9 / seconds,
    )


def _cost(run: Run) -> Cost | None:
    if run.unit.probe is not None:
        return probe_cost(run.paths, run.model, run.hook, run.probe)
    return hook_cost(run.paths, run.model, run.hook)
