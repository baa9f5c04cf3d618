"""Whether an SAE fits its hook point, and at which other hook points it would.

An SAE that reads another hook point than it was trained at computes numbers that look like any
others. A few windows tell: it then explains less than the mean does, or far more atoms are active
than its card states.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from semdim.errors import MismatchError
from semdim.forward.architecture import architecture_of, module_at
from semdim.forward.backend import Backend
from semdim.saes.memory import Probe

N_WINDOWS = 8
"""Windows that are looked at."""
MOST_TIMES = 10.0
"""An SAE does not fit where its mean number of active atoms is so many times what its card says."""
OUTLIER = 10.0
"""A token whose norm is so many times the median is left out: few of them would decide."""
N_SHOWN = 3
# The stream behind a block is that before the next one: it is named once.
_HOOK = re.compile(r"blocks\.(0\.hook_resid_pre|\d+\.hook_(resid_mid|resid_post|attn_out|mlp_out))")


@dataclass(frozen=True)
class Fit:
    """How an SAE does at one hook point."""

    hook_name: str
    """TransformerLens's name."""
    explained_variance: float
    """1 − E‖h − S(h)‖² / E‖h − μ‖², tokens alike."""
    mean_n_active: float
    """Mean number of active atoms per token."""

    def fails(self, stated: float | None) -> bool:
        """Whether the SAE does not fit; ``stated`` is the mean number of active atoms of its card.

        NaN fails: the SAE or the activations are not finite.
        """
        too_many = stated is not None and self.mean_n_active >= MOST_TIMES * stated
        return too_many or not self.explained_variance >= 0.0

    def __str__(self) -> str:
        return (
            f"{self.hook_name} (explained variance {self.explained_variance:.2f}, "
            f"{self.mean_n_active:.0f} active atoms)"
        )


def check_hook(backend: Backend, probe: Probe, token_ids: Int[Tensor, "window position"]) -> None:
    """Refuse an SAE that does not fit its hook point, and name the hook points that it would fit.

    Args:
        backend: the model.
        probe: the SAE.
        token_ids: some windows, BOS first; the first `N_WINDOWS` are read.

    Raises:
        MismatchError: the SAE does not fit.
    """
    ids = token_ids[:N_WINDOWS].to(backend.unembedding.device).long()
    declared, stated = probe.facts.hook_name, probe.facts.mean_n_active
    with torch.inference_mode():
        found = backend.prefix(ids, probe.facts.start_layer)
    fit = fit_of(declared, found, probe)
    if not fit.fails(stated):
        return
    others = [other for other in search(backend, probe, ids) if other.hook_name != declared]
    fitting = sorted(
        (other for other in others if not other.fails(stated)),
        key=lambda other: -other.explained_variance,
    )
    says = "" if stated is None else f" where its card states {stated:g}"
    message = f"The SAE {probe.facts.name} does not fit {fit}{says}: "
    if fitting:
        named = ", ".join(map(str, fitting[:N_SHOWN]))
        message += f"it would fit {named}. Correct the hook_name in its configuration"
    else:
        message += (
            f"nor does it fit any of the {len(others)} other hook points that were tried. Check "
            "that the model, its revision and its weight processing are those that the SAE was "
            "trained on"
        )
    raise MismatchError(f"{message}, or skip this check (--no-hook-check).")


def search(backend: Backend, probe: Probe, token_ids: Int[Tensor, "window position"]) -> list[Fit]:
    """How the SAE does at every hook point of the model that has its width, in one pass."""
    fits = []
    for name, activation in activations(backend, token_ids):
        if activation.shape[-1] == probe.facts.d_in:
            fits.append(fit_of(name, activation, probe))
    return fits


def fit_of(
    hook_name: str, activation: Float[Tensor, "window position d_model"], probe: Probe
) -> Fit:
    """Explained variance and active atoms over tokens that are neither first nor norm outliers."""
    rows = activation[:, 1:].flatten(0, 1).float()
    norms = rows.norm(dim=-1)
    kept: Bool[Tensor, " row"] = norms <= OUTLIER * norms.median()
    rows = rows[kept] if bool(kept.any()) else rows
    with torch.inference_mode():
        codes = probe.sae.encode(rows).float()
        error = rows - (codes @ probe.decoder.weight + probe.decoder.bias)
        around = rows - rows.mean(dim=0)
        share = error.double().square().sum() / around.double().square().sum()
    return Fit(hook_name, 1.0 - float(share), float((codes > 0).sum(dim=-1).double().mean()))


def activations(
    backend: Backend, token_ids: Int[Tensor, "window position"]
) -> Iterator[tuple[str, Float[Tensor, "window position width"]]]:
    """What passes each hook point that has a name in TransformerLens, in the order of the model.

    Of a model of transformers: the residual stream between blocks, and what attention and MLP
    write to it where no norm stands between.
    """
    taken: dict[str, Tensor] = {}
    with ExitStack() as stack, torch.inference_mode():
        for name, module, is_input in _modules(backend):
            handle = module.register_forward_hook(_taker(taken, name, is_input), with_kwargs=True)
            stack.callback(handle.remove)
        backend.prefix(token_ids, backend.n_layers)
    for name, value in taken.items():
        is_centred = backend.is_stream_centred
        yield name, value - value.mean(dim=-1, keepdim=True) if is_centred else value


def _modules(backend: Backend) -> Iterator[tuple[str, nn.Module, bool]]:
    """Name, module, and whether it is the module's input that has the name."""
    if backend.name == "transformer_lens":
        for name, module in backend.model.named_modules():
            if _HOOK.fullmatch(name):
                yield name, module, False
        return
    blocks = module_at(backend.model, architecture_of(backend.model).blocks)
    for layer, block in enumerate(blocks):
        if layer == 0:
            yield "blocks.0.hook_resid_pre", block, True
        is_normed = any("post_feedforward" in name for name, _ in block.named_children())
        for child in () if is_normed else block.children():
            for ending, name in (("Attention", "attn_out"), ("MLP", "mlp_out")):
                if type(child).__name__.endswith(ending):
                    yield f"blocks.{layer}.hook_{name}", child, False
        yield f"blocks.{layer}.hook_resid_post", block, False


def _taker(taken: dict[str, Tensor], name: str, is_input: bool) -> Callable[..., None]:
    def take(
        module: nn.Module, given: tuple[object, ...], named: Mapping[str, object], out: object
    ) -> None:
        value = (given[0] if given else named.get("hidden_states")) if is_input else out
        value = value[0] if isinstance(value, tuple) else value
        if isinstance(value, Tensor) and value.ndim == 3:
            taken[name] = value.detach()

    return take
