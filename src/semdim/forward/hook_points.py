"""The one reading of a hook point: which residual stream it names, and where the suffix starts.

A probe's ``hook`` is TransformerLens's name of the hook point. Where its SAE was trained on a model
whose weights were rewritten (`semdim.models.spec.WeightProcessing`), each rewriting follows behind
a plus sign: ``blocks.6.hook_resid_pre+center_writing_weights``. So activations that differ have
different names.
"""

import re
from collections.abc import Mapping

from semdim.errors import ConfigError, MismatchError

#: A block has one number, without zeros before it: so a hook point has one name.
_RESIDUAL_HOOK = re.compile(r"blocks\.(0|[1-9][0-9]{0,3})\.hook_resid_(pre|post)")


PROCESSING = ("center_unembed", "center_writing_weights", "fold_ln", "fold_value_biases")


def parse_hook(hook: str) -> tuple[str, tuple[str, ...]]:
    """The hook point's name and the rewritings of the weights that a probe's ``hook`` asks for.

    Raises:
        ConfigError: a rewriting is unknown.
        MismatchError: the hook point is not on the residual stream between blocks.
    """
    hook_name, *processing = hook.split("+")
    _residual(hook_name)
    unknown = sorted(set(processing) - set(PROCESSING))
    if unknown:
        raise ConfigError(
            f"The hook {hook!r} asks for {', '.join(map(repr, unknown))}, which is unknown: "
            f"choose among {', '.join(PROCESSING)}."
        )
    if processing != sorted(set(processing)):
        label = "+".join([hook_name, *sorted(set(processing))])
        raise ConfigError(
            f"The hook {hook!r} must be written {label!r}, so that it has a single name."
        )
    return hook_name, tuple(sorted(processing))


def hook_label(hook_name: str, processing: Mapping[str, bool]) -> str:
    """How a probe names this hook point: the inverse of `parse_hook`."""
    return "+".join([hook_name, *sorted(name for name, wanted in processing.items() if wanted)])


def start_layer(hook_name: str, n_layers: int) -> int:
    """First block that runs after ``hook_name``: L for ``blocks.L.hook_resid_pre``, L + 1 for
    ``blocks.L.hook_resid_post``.

    Raises:
        MismatchError: the hook is not on the residual stream between blocks, or its layer is not
            one of the model's ``n_layers``.
    """
    match = _residual(hook_name)
    layer = int(match.group(1))
    if layer >= n_layers:
        raise MismatchError(
            f"The hook point {hook_name!r} does not exist in this model, whose blocks are numbered "
            f"0 to {n_layers - 1}; choose an SAE that was trained on this model."
        )
    return layer if match.group(2) == "pre" else layer + 1


def _residual(hook_name: str) -> re.Match[str]:
    match = _RESIDUAL_HOOK.fullmatch(hook_name)
    if match is None:
        raise MismatchError(
            f"The hook point {hook_name!r} is not supported: semdim splits a model on its residual "
            "stream, so it needs blocks.<L>.hook_resid_pre or blocks.<L>.hook_resid_post; choose "
            "an SAE trained there."
        )
    return match
