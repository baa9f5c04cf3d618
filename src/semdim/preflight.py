"""Settings against the sizes of models and SAEs, as far as those are known without reading any."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from semdim.errors import ConfigError, MismatchError
from semdim.forward.hook_points import parse_hook, start_layer
from semdim.models.shape import ModelShape
from semdim.models.shape import known_shape as model_shape
from semdim.proxies.names import parse_proxy
from semdim.saes.shape import SAEShape
from semdim.saes.shape import known_shape as sae_shape

if TYPE_CHECKING:
    from semdim.settings import Settings


@dataclass(frozen=True)
class Shapes:
    """What is known of the models and SAEs of a run."""

    models: Mapping[str, ModelShape]
    saes: Mapping[str, SAEShape]
    """By the probe's name."""


def known_shapes(settings: "Settings") -> Shapes:
    """Read from configurations on this machine; what is elsewhere stays unknown.

    Raises:
        ConfigError: a folder or package is there and holds no model, or no such SAE is registered.
    """
    models: dict[str, ModelShape] = {}
    for name, source in settings.models.items():
        try:
            models[name] = model_shape(source)
        except ConfigError as error:
            raise ConfigError(f"models.{name}: {error}") from error
    saes: dict[str, SAEShape] = {}
    for name, probe in settings.probes.items():
        try:
            saes[name] = sae_shape(probe.sae)
        except ConfigError as error:
            raise ConfigError(f"probes.{name}.sae: {error}") from error
    return Shapes(models, saes)


def check_fits(settings: "Settings", shapes: Shapes) -> None:
    """Refuse what no model or SAE of this run can do.

    Raises:
        ConfigError: the setting, its value, and the size that it exceeds.
    """
    for name, probe in settings.probes.items():
        model, sae = shapes.models[probe.model], shapes.saes[name]
        _check_hook(name, probe.hook, probe.model, model)
        if None not in (sae.d_in, model.d_model) and sae.d_in != model.d_model:
            raise ConfigError(
                f"probes.{name}.sae reads vectors of {sae.d_in} numbers ({sae.where}), but the "
                f"residual stream of models.{probe.model} has {model.d_model}: choose an SAE "
                "trained on this model."
            )
        _check_context(
            settings.tokens.context, f"probes.{name}.sae was trained on", sae.context_size
        )
        _check_atoms(settings, name, sae)
    for name, shape in shapes.models.items():
        _check_context(settings.tokens.context, f"models.{name} takes", shape.n_context)
        bos, vocab_size = settings.models[name].bos_token_id, shape.vocab_size
        if bos is not None and vocab_size is not None and bos >= vocab_size:
            raise ConfigError(
                f"models.{name}.bos_token_id = {bos} must be below {vocab_size}, the size of its "
                "vocabulary."
            )


def _check_hook(name: str, hook: str, model: str, shape: ModelShape) -> None:
    if shape.n_layers is None:
        return
    try:
        start_layer(parse_hook(hook)[0], shape.n_layers)
    except MismatchError as error:
        raise ConfigError(
            f"probes.{name}.hook = {hook!r} does not exist in models.{model}, whose blocks are "
            f"numbered 0 to {shape.n_layers - 1}: choose an SAE that was trained on this model."
        ) from error


def _check_context(context: int, who: str, longest: int | None) -> None:
    if longest is not None and context > longest:
        raise ConfigError(
            f"tokens.context = {context} must be at most {longest}: {who} no longer sequences."
        )


def _check_atoms(settings: "Settings", name: str, sae: SAEShape) -> None:
    if sae.dict_size is None:
        return
    for setting, count in _atoms(settings):
        if count > sae.dict_size:
            raise ConfigError(
                f"{setting} contains {count}, but the dictionary of probes.{name} has "
                f"{sae.dict_size:,} atoms ({sae.where}): choose numbers up to {sae.dict_size}."
            )


def _atoms(settings: "Settings") -> Iterator[tuple[str, int]]:
    """Every setting that counts atoms of a dictionary, with each of its values."""
    bound, surface, grid = settings.bound, settings.surface, settings.grid
    for setting, counts in (
        ("bound.k", () if bound.k is None else (bound.k,)),
        ("bound.topk_grid", bound.topk_grid),
        ("bound.pool_sizes", bound.pool_sizes),
        ("surface.k", surface.k or ()),
    ):
        yield from ((setting, count) for count in counts)
    for key in ("proxy", "sweep", "ablation", "pool"):
        for proxy in getattr(grid, key):
            size = parse_proxy(proxy).size
            if size is not None:
                yield f"grid.{key} ({proxy})", size
