"""What a run will compute, how large it will be, and roughly how long: told before it starts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from semdim.paths import Paths
from semdim.settings import Settings

_BLOCK = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
#: Share of the machine's matrix-product rate that forward passes reach, rounded down from what
#: SmolLM2-135M reached on two cores (0.77 in float32, 0.69 in bfloat16).
EFFICIENCY = {"float32": 0.7, "bfloat16": 0.6}
STAGE_START = 6.0  # seconds to start a process that loads a model


@dataclass(frozen=True)
class ModelCost:
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


def model_cost(paths: Paths, model: str) -> ModelCost | None:
    """Cost per token, or None while the model is not exported."""
    from safetensors import safe_open

    from semdim.models.facts import read_facts
    from semdim.saes.facts import read_facts as read_sae_facts

    if not (paths.model(model) / "facts.json").exists():
        return None
    if not (paths.sae(model) / "facts.json").exists():
        return None
    facts, sae = read_facts(paths.model(model)), read_sae_facts(paths.sae(model))
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
    return ModelCost(
        prefix,
        suffix + facts.vocab_size * facts.d_model,
        facts.d_model,
        sae.dict_size,
        sae.mean_n_active or 64.0,
    )


def steps(settings: Settings, paths: Paths) -> Iterator[Step]:
    """Every step that computes on tokens, in the order of the pipeline.

    Models that are not exported yet have no steps: their size is not known.
    """
    context = settings.tokens.context
    width = 2 if settings.engine.compute_dtype == "bfloat16" else 4
    for model in settings.grid.model:
        cost = model_cost(paths, model)
        if cost is None:
            continue
        for corpus in settings.grid.corpus:
            n_tokens = -(-settings.corpora[corpus].n_tokens // context) * context
            unit = f"{model} · {corpus}"
            yield _step(
                "cache_activations", unit, paths.activations(model, corpus), n_tokens,
                2 * cost.prefix, width * cost.d_model,
            )  # fmt: skip
            yield _step(
                "encode_codes", unit, paths.codes(model, corpus), n_tokens,
                2 * cost.d_model * cost.dict_size, 8 * cost.mean_n_active + 16,
            )  # fmt: skip
            for proxy in settings.grid.proxies(corpus):
                yield _step(
                    "compute_losses", f"{unit} · {proxy}", paths.losses(model, corpus, proxy),
                    -(-settings.grid.n_tokens(proxy, n_tokens) // context) * context,
                    2 * cost.suffix, 16 if proxy == "model" else 4,
                )  # fmt: skip


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
        (out / "manifest.json").exists(),
    )


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
