"""What a run will compute, how large it will be, and roughly how long: told before it starts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from semdim.paths import Paths
from semdim.settings import Settings

_BLOCK = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
#: Share of the machine's matrix-product rate that forward passes reach, rounded down from what
#: SmolLM2-135M reached on two cores (0.77 in float32, 0.69 in bfloat16).
EFFICIENCY = {"float32": 0.7, "bfloat16": 0.6}
#: What a token's norms take on disk when its activation is not stored: ‖h‖, ‖h − mean‖, a flag.
NORM_BYTES = 9
#: Passes over the sample's activations that fitting the activation scores takes.
FIT_PASSES = 4
STAGE_START = 6.0  # seconds to start a process that loads a model


@dataclass(frozen=True)
class ProbeCost:
    """Parameters that a token passes through, counted in the exported weights."""

    prefix: int
    suffix: int
    """Blocks after the hook point, and the unembedding."""
    d_model: int
    dict_size: int
    mean_n_active: float


@dataclass(frozen=True)
class Step:
    """One line of the plan."""

    stage: str
    unit: str
    out: Path
    n_tokens: int
    gflop: float
    """GFLOP of matrix products, for all tokens."""
    bytes: int
    """Size of its output on disk."""
    is_there: bool


def probe_cost(paths: Paths, model: str, probe: str) -> ProbeCost | None:
    """Cost per token, or None while the model or its SAE is not exported."""
    from safetensors import safe_open

    from semdim.models.facts import read_facts
    from semdim.saes.facts import read_facts as read_sae_facts

    if not (paths.model(model) / "facts.json").exists():
        return None
    if not (paths.sae(probe) / "facts.json").exists():
        return None
    facts, sae = read_facts(paths.model(model)), read_sae_facts(paths.sae(probe))
    prefix = suffix = 0
    for path in sorted(paths.model(model).glob("*.safetensors")):
        with safe_open(path, framework="numpy") as weights:
            for name in weights.keys():  # noqa: SIM118 - safe_open is no mapping
                block = _BLOCK.search(name)
                if block is None:
                    continue
                size = 1
                for length in weights.get_slice(name).get_shape():
                    size *= length
                if int(block[1]) < sae.start_layer:
                    prefix += size
                else:
                    suffix += size
    return ProbeCost(
        prefix,
        suffix + facts.vocab_size * facts.d_model,
        facts.d_model,
        sae.dict_size,
        sae.mean_n_active or 64.0,
    )


def steps(settings: Settings, paths: Paths) -> Iterator[Step]:
    """Every step that runs a model or an SAE on tokens, in the order of the pipeline.

    Probes that are not exported yet have no steps: their size is not known. Without
    ``engine.store_activations`` the prefix is run twice for the norms, and once more for each of:
    the model's losses, the scores, a probe's codes, a probe's losses.
    """
    stored = settings.engine.store_activations
    at_model: set[str] = set()
    for (model, hook), probes in settings.hooks().items():
        costs = {name: cost for name in probes if (cost := probe_cost(paths, model, name))}
        if not costs:
            continue
        some = next(iter(costs.values()))
        again = 0 if stored else 2 * some.prefix
        for corpus in settings.grid.corpus:
            n_tokens = _whole(settings, settings.corpora[corpus].n_tokens)
            unit = f"{model} · {hook} · {corpus}"
            yield _step(
                "cache_activations", unit, paths.activations(model, hook, corpus), n_tokens,
                2 * some.prefix + again,
                _width(settings) * some.d_model if stored else NORM_BYTES,
            )  # fmt: skip
            if model not in at_model:
                yield _step(
                    "model_losses", f"{model} · {corpus}", paths.model_losses(model, corpus),
                    n_tokens, 2 * some.suffix + again, 16,
                )  # fmt: skip
            if again and corpus == settings.grid.sample:
                yield _step(
                    "fit_activations", unit, paths.activation_fit(model, hook), n_tokens,
                    FIT_PASSES * again, 0,
                )  # fmt: skip
            if again:
                scores = paths.scores(model, hook, corpus)
                yield _step("score_activations", unit, scores, n_tokens, again, 12)
            for name, cost in costs.items():
                yield from _of_probe(settings, paths, name, cost, corpus, again)
        at_model.add(model)


def _of_probe(
    settings: Settings, paths: Paths, probe: str, cost: ProbeCost, corpus: str, again: int
) -> Iterator[Step]:
    n_tokens = _whole(settings, settings.corpora[corpus].n_tokens)
    unit = f"{probe} · {corpus}"
    yield _step(
        "encode_codes", unit, paths.codes(probe, corpus), n_tokens,
        again + 2 * cost.d_model * cost.dict_size, 8 * cost.mean_n_active + 16,
    )  # fmt: skip
    lists = [("compute_losses", paths.losses(probe, corpus), settings.grid.proxy)]
    if corpus == settings.grid.sample:
        folder = paths.further_losses(probe, corpus)
        lists.append(("further_losses", folder, settings.grid.further()))
    for stage, folder, proxies in lists:
        for at, proxy in enumerate(name for name in proxies if name != "model"):
            yield _step(
                stage, f"{unit} · {proxy}", folder / proxy,
                _whole(settings, settings.grid.n_tokens(proxy, n_tokens)),
                2 * cost.suffix + (again if at == 0 else 0), 4,
            )  # fmt: skip


def _whole(settings: Settings, n_tokens: int) -> int:
    """So many tokens, rounded up to whole sequences."""
    context = settings.tokens.context
    return -(-n_tokens // context) * context


def _width(settings: Settings) -> int:
    return 2 if settings.engine.compute_dtype == "bfloat16" else 4


def _step(
    stage: str, unit: str, out: Path, n_tokens: int, flop: float | int, bytes_per_token: float | int
) -> Step:
    return Step(
        stage,
        unit,
        out,
        n_tokens,
        n_tokens * flop / 1e9,
        int(n_tokens * bytes_per_token),
        (out if out.suffix else out / "manifest.json").exists(),
    )


def other_way(settings: Settings) -> Settings:
    """The same run with ``engine.store_activations`` the other way."""
    engine = replace(settings.engine, store_activations=not settings.engine.store_activations)
    return replace(settings, engine=engine)


def measured_rate(dtype: str) -> float:
    """GFLOP/s of a matrix product of this machine, in about half a second."""
    import time

    import torch

    kind = {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
    size = 1024
    a, b = torch.ones(size, size, dtype=kind), torch.ones(size, size, dtype=kind)
    a @ b
    rates = []
    for _ in range(8):
        start = time.perf_counter()
        a @ b
        rates.append(2 * size**3 / 1e9 / (time.perf_counter() - start))
    return sorted(rates)[len(rates) // 2]


def seconds(step: Step, rate: float, dtype: str) -> float:
    """Rough duration of a step at a measured rate (GFLOP/s)."""
    return STAGE_START + step.gflop / (rate * EFFICIENCY[dtype])
