"""The arithmetic of each stage for one token, counted in the exported weights."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from semdim.forward.hook_points import parse_hook, start_layer
from semdim.models.facts import read_facts
from semdim.paths import Paths

_BLOCK = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
#: Passes over the sample's activations that fitting the activation scores takes.
FIT_PASSES = 4
#: Active atoms of a token, where the SAE's card does not say.
TYPICAL_N_ACTIVE = 64.0


@dataclass(frozen=True)
class Cost:
    """Parameters that a token passes through at a hook point, and in an SAE that reads there."""

    prefix: int
    """Of the blocks before the hook point."""
    suffix: int
    """Of the blocks after it, and of the unembedding."""
    d_model: int
    dict_size: int = 0
    """Atoms; 0 without an SAE."""
    mean_n_active: float = 0.0
    unembedding: int = 0
    """Of the suffix, those of the unembedding."""

    def flop(self, stage: str, *, stored: bool, codes_stored: bool = True) -> int:
        """Floating-point operations of a stage's matrix products, per token (and per proxy).

        Attention's own products, quadratic in the context, are left out: 4 % of a block of
        SmolLM2 at 128 tokens.

        Args:
            stage: a stage that runs a model or an SAE.
            stored: whether activations are; if not, the prefix runs again. For losses it is not
                counted here, since the proxies share it (`again`).
            codes_stored: whether codes are; if not, each stage that reads them encodes again.
        """
        again = self.again(stored=stored)
        encoding = 2 * self.d_model * self.dict_size
        flop = {
            "cache_activations": 2 * self.prefix + again,  # norms need the mean first
            "model_losses": 2 * self.suffix + again,
            "encode_codes": (encoding + again) if codes_stored else 0,
            "compute_losses": 2 * self.suffix,
            "further_losses": 2 * self.suffix,
            # forward, and back to the activations
            "order_atoms": 4 * self.suffix + self.again(stored=stored, codes_stored=codes_stored),
            "fit_activations": FIT_PASSES * again,
            "score_activations": again,
        }
        return flop[stage]

    def again(self, *, stored: bool, codes_stored: bool = True) -> int:
        """Operations per token to compute an activation that is not stored, and a code."""
        prefix = 0 if stored else 2 * self.prefix
        return prefix if codes_stored else prefix + 2 * self.d_model * self.dict_size

    def reference(self, *, stored: bool) -> int:
        """Operations per token to have the model's logits again, with which proxies are compared:
        the unembedding of what `model_losses` kept, or the whole suffix where it kept nothing."""
        return 2 * (self.unembedding if stored else self.suffix)


def hook_cost(paths: Paths, model: str, hook: str) -> Cost | None:
    """Cost of a model that is cut at a hook point, or None while it is not exported."""
    return folder_cost(paths.model(model), hook)


def folder_cost(folder: Path, hook: str) -> Cost | None:
    """Cost of a model that was exported to a folder and is cut at a hook point, or None where there
    is none."""
    if not (folder / "facts.json").exists():
        return None
    from safetensors import safe_open

    facts = read_facts(folder)
    start = start_layer(parse_hook(hook)[0], facts.n_layers)
    prefix = suffix = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="numpy") as weights:
            for name in weights.keys():  # noqa: SIM118 - safe_open is no mapping
                block = _BLOCK.search(name)
                if block is None:
                    continue
                size = 1
                for length in weights.get_slice(name).get_shape():
                    size *= length
                if int(block[1]) < start:
                    prefix += size
                else:
                    suffix += size
    unembedding = facts.vocab_size * facts.d_model
    return Cost(prefix, suffix + unembedding, facts.d_model, unembedding=unembedding)


def probe_cost(paths: Paths, model: str, hook: str, probe: str) -> Cost | None:
    """Cost of a probe, or None while its model or its SAE is not exported."""
    cost = hook_cost(paths, model, hook)
    if cost is None or not (paths.sae(probe) / "facts.json").exists():
        return None
    from semdim.saes.facts import read_facts as read_sae_facts

    sae = read_sae_facts(paths.sae(probe))
    active = sae.mean_n_active or TYPICAL_N_ACTIVE
    return replace(cost, dict_size=sae.dict_size, mean_n_active=active)
