"""Will the disk hold the run? Answered from sizes alone, before the first forward pass.

`semdim plan` counts every artifact of models and SAEs that are exported; this counts what is large
and certain for those that are not: activations, and a loss per token and proxy.
"""

from pathlib import Path

from semdim.errors import ConfigError
from semdim.extent import holds_sample, in_bytes
from semdim.forward.dtype import resolved_dtype
from semdim.paths import Paths
from semdim.plan import NORM_BYTES, free_bytes
from semdim.preflight import Shapes
from semdim.settings import Settings

_LOSS_BYTES = 4
_MODEL_BYTES = 16
"""Of a token: the model's own loss and its scores."""


def check_space(settings: Settings, shapes: Shapes, paths: Paths) -> None:
    """Refuse a run that writes more than is free.

    Raises:
        ConfigError: with both sizes and the settings that lower the first.
    """
    needed, free = least_bytes(settings, shapes, paths), free_bytes(paths)
    if needed <= free:
        return
    sample = settings.grid.sample
    less = "engine.store_activations=false, or " if settings.engine.store_activations else ""
    raise ConfigError(
        f"The run writes at least {in_bytes(needed)}, but {in_bytes(free)} are free in "
        f"{paths.outputs.absolute()}: make room, or set {less}less than corpora.{sample}.n_tokens "
        f"= {settings.corpora[sample].n_tokens}."
    )


def least_bytes(settings: Settings, shapes: Shapes, paths: Paths) -> int:
    """Bytes that the run writes at least: what is there already, and what is unknown, count 0."""
    grid, total, with_losses = settings.grid, 0, set[str]()

    def is_there(folder: Path, n_tokens: int) -> bool:
        return holds_sample(folder, n_tokens, settings.tokens.context)

    for (model, hook), probes in settings.hooks().items():
        for corpus in grid.corpus:
            n_tokens = settings.corpora[corpus].n_tokens
            if not is_there(paths.activations(model, hook, corpus), n_tokens):
                total += n_tokens * _activation_bytes(settings, shapes.models[model].d_model)
            if model not in with_losses and not is_there(
                paths.model_losses(model, corpus), n_tokens
            ):
                total += n_tokens * _MODEL_BYTES
            for probe in probes:
                for proxy in grid.proxy:
                    if proxy != "model" and not is_there(
                        paths.losses(probe, corpus) / proxy, n_tokens
                    ):
                        total += n_tokens * _LOSS_BYTES
                for proxy in grid.further() if corpus == grid.sample else ():
                    limit = grid.n_tokens(proxy, n_tokens)
                    if not is_there(paths.further_losses(probe, corpus) / proxy, limit):
                        total += limit * _LOSS_BYTES
        with_losses.add(model)
    return total


def _activation_bytes(settings: Settings, d_model: int | None) -> int:
    """Of a token."""
    engine = settings.engine
    if not engine.store_activations:
        return NORM_BYTES
    is_short = resolved_dtype(engine.compute_dtype, engine.device) == "bfloat16"
    return (d_model or 0) * (2 if is_short else 4)
