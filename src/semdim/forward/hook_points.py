"""The one reading of a hook point: which residual stream it names, and where the suffix starts."""

import re

from semdim.errors import MismatchError

_RESIDUAL_HOOK = re.compile(r"^blocks\.(\d+)\.hook_resid_(pre|post)$")


def start_layer(hook_name: str, n_layers: int) -> int:
    """First block that runs after ``hook_name``: L for ``blocks.L.hook_resid_pre``, L + 1 for
    ``blocks.L.hook_resid_post``.

    Raises:
        MismatchError: the hook is not on the residual stream between blocks, or its layer is not
            one of the model's ``n_layers``.
    """
    match = _RESIDUAL_HOOK.match(hook_name)
    if match is None:
        raise MismatchError(
            f"The hook point {hook_name!r} is not supported: semdim splits a model on its residual "
            "stream, so it needs blocks.<L>.hook_resid_pre or blocks.<L>.hook_resid_post; choose "
            "an SAE trained there."
        )
    layer = int(match.group(1))
    if layer >= n_layers:
        raise MismatchError(
            f"The hook point {hook_name!r} does not exist in this model, whose blocks are numbered "
            f"0 to {n_layers - 1}; choose an SAE that was trained on this model."
        )
    return layer if match.group(2) == "pre" else layer + 1
