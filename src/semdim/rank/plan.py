"""What a ranking will do, how long it takes and how much it writes, before anything is loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from semdim.cost import Cost, folder_cost
from semdim.errors import SemdimError
from semdim.estimate import EFFICIENCY
from semdim.models.shape import known_shape
from semdim.rank.candidates import Candidate
from semdim.rank.request import RankRequest
from semdim.rank.run import SAES

BYTES_OF_VALUE = 70
"""Of a document in the result of an autoencoder: three numbers and its own."""
LOADING = 2.0
"""Seconds to load an autoencoder."""


@dataclass(frozen=True)
class Plan:
    """What will be done."""

    lines: tuple[str, ...]
    """For the person who asked."""
    seconds: float | None
    """About how long it takes; None: the model is not on this machine, or no hook point known."""
    disk: int
    """Bytes that are written to the folder of the ranking."""


def plan(request: RankRequest, candidates: Sequence[Candidate], out: Path) -> Plan:
    """Plan a ranking.

    Time is arithmetic over the rate of a matrix product that is measured here; what an earlier run
    left is not computed again.
    """
    there = [one for one in candidates if (out / SAES / one.file).is_file()]
    todo = [one for one in candidates if one not in there]
    n_tokens = request.n_windows * request.context
    disk = len(todo) * request.n_windows * BYTES_OF_VALUE
    seconds = _seconds(request, todo, n_tokens)
    return Plan(tuple(_lines(request, candidates, todo, n_tokens, seconds, disk)), seconds, disk)


def _lines(
    request: RankRequest,
    candidates: Sequence[Candidate],
    todo: Sequence[Candidate],
    n_tokens: int,
    seconds: float | None,
    disk: int,
) -> Iterator[str]:
    hooks = sorted({one.hook for one in candidates if one.hook})
    unknown = sum(not one.hook for one in candidates)
    known = ", ".join(hooks[:3]) + (" and more" if len(hooks) > 3 else "")
    yield f"model      {request.model} in {request.compute_dtype}, run by {request.backend}"
    yield (
        f"text       {request.text}: {request.n_windows:,} windows of {request.context} tokens "
        f"({n_tokens:,} tokens), at most {request.windows} of a document"
    )
    yield (
        f"SAEs       {len(candidates)}, of which {len(candidates) - len(todo)} have a result; at "
        f"{known or 'hook points that are known when they are loaded'}"
        + (f", and {unknown} of which that is not known yet" if hooks and unknown else "")
    )
    away = [one.name for one in todo if not one.is_here]
    if away:
        yield (
            f"download   {len(away)} SAEs are not on this machine: {', '.join(away[:3])}"
            + (" and more" if len(away) > 3 else "")
        )
    yield "passes     to a hook point once and to the end once; then encoding and the rest per SAE"
    width = known_shape(request.model_source()).d_model
    memory = "" if width is None else f", {n_tokens * width * 4 / 1e6:,.0f} MB of activations"
    yield f"disk       about {disk / 1e6:.1f} MB{memory and memory + ' in memory'}"
    if seconds is None:
        yield "time       not known before the model and the SAEs are here"
    else:
        yield f"time       about {max(seconds / 60, 0.1):.1f} minutes"
    yield (
        f"certified  at δ = {request.ranking.failure_prob:g}, losses smoothed with α = "
        f"{request.ranking.smoothing:g}, the order with documents capped at "
        f"{request.ranking.cap:g} bits"
    )


def _seconds(request: RankRequest, todo: Sequence[Candidate], n_tokens: int) -> float | None:
    if not todo:
        return 0.0
    sized = [one for one in todo if one.hook and one.dict_size and one.d_in]
    if len(sized) < len(todo):
        return None
    folder = Path(request.model).expanduser()
    costs: dict[str, Cost] = {}
    for one in sized:
        if one.hook not in costs:
            try:
                found = folder_cost(folder, one.hook)
            except SemdimError:
                found = None
            if found is None:
                return None
            costs[one.hook] = found
    flop = sum(2 * (cost.prefix + cost.suffix) for cost in costs.values())
    flop += sum(
        2 * costs[one.hook].suffix + 2 * (one.d_in or 0) * (one.dict_size or 0) for one in sized
    )
    from semdim.forward.dtype import resolved_dtype
    from semdim.forward.spec import EngineSpec
    from semdim.rates import measured_rate

    engine = EngineSpec(compute_dtype=request.compute_dtype, device=request.device)
    dtype = resolved_dtype(engine.compute_dtype, engine.device)
    rate = measured_rate(dtype, engine.start()) * EFFICIENCY[dtype]
    return flop * n_tokens / 1e9 / rate + LOADING * len(sized)
