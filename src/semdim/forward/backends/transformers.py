"""The back end on a decoder of transformers: its own blocks, run from one to another.

No block is rewritten. Each is called as the model's ``forward`` calls it, with the masks and
rotary positions that transformers makes (`semdim.forward.architectures`); when a model is taken in,
a few tokens go through the whole and through the parts, and both must agree.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from semdim.errors import MismatchError
from semdim.forward.architecture import architecture_of, module_at
from semdim.forward.backend import Backend
from semdim.models.spec import WeightProcessing

#: Tokens of the comparison, and by how much logits may differ of their largest: the operations are
#: the same, but some kernels do not add in the same order twice.
N_COMPARED, TOLERANCE = 4, 1e-3


class TransformersBackend(Backend):
    """A decoder of transformers.

    What an SAE expects of processed weights is given without them. ``center_writing_weights`` takes
    the mean over d_model from all that is written to the stream: the prefix ends with subtracting
    it, and the suffix may leave it in, since LayerNorms ignore it. ``center_unembed`` takes the
    mean over the vocabulary from the logits. ``fold_ln`` and ``fold_value_biases`` change neither
    the stream nor the logits.

    Args:
        model: as ``AutoModelForCausalLM`` loads it; it is put into evaluation mode.
        processing: what the SAE expects; None: nothing.

    Raises:
        MismatchError: the architecture is unknown, a part of it is not found, or the parts do not
            give what the whole gives.
    """

    name = "transformers"

    def __init__(self, model: Any, processing: WeightProcessing | None = None) -> None:
        self._kind = architecture_of(model)
        self.model = model.eval()
        config = model.config
        self._decoder: Any = module_at(model, self._kind.decoder)
        self._blocks: nn.ModuleList = module_at(model, self._kind.blocks)
        self._final_norm: nn.Module = module_at(model, self._kind.final_norm)
        head = module_at(model, "lm_head")
        self.model_name = _hub_name(str(getattr(config, "_name_or_path", "")))
        self.architecture = type(model).__name__
        self.n_layers, self.d_model = len(self._blocks), int(config.hidden_size)
        self.unembedding = head.weight.detach()
        self.vocab_size = len(self.unembedding)
        self.n_context = int(config.max_position_embeddings)
        self.unembedding_bias = None if head.bias is None else head.bias.detach()
        self.soft_cap = getattr(config, "final_logit_softcapping", None)
        self.is_stream_centred = self.is_unembed_centred = False
        self._compare()
        self._give(processing or WeightProcessing())

    def prefix(
        self, token_ids: Int[Tensor, "batch position"], stop: int
    ) -> Float[Tensor, "batch position d_model"]:
        """See `Backend.prefix`."""
        residual = self._run(self._kind.embed(self._decoder, token_ids), 0, stop)
        if self.is_stream_centred:
            residual = residual - residual.mean(dim=-1, keepdim=True)
        return residual

    def suffix(
        self, residual: Float[Tensor, "batch position d_model"], start: int
    ) -> Float[Tensor, "batch position d_model"]:
        """See `Backend.suffix`."""
        final: Tensor = self._final_norm(self._run(residual, start, self.n_layers))
        return final

    def _run(
        self, residual: Float[Tensor, "batch position d_model"], start: int, stop: int
    ) -> Float[Tensor, "batch position d_model"]:
        if start == stop:
            return residual
        arguments = self._kind.arguments(self._decoder, residual)
        for layer in range(start, stop):
            found = self._blocks[layer](residual, **arguments(layer))
            residual = found[0] if isinstance(found, tuple) else found
        return residual

    @torch.inference_mode()
    def _compare(self) -> None:
        """Whole and parts on a few tokens.

        Raises:
            MismatchError: they do not agree.
        """
        n_tokens = min(N_COMPARED, self.n_context)
        device = self.unembedding.device
        ids = torch.arange(n_tokens, device=device)[None] % self.vocab_size
        whole = self.model(input_ids=ids, use_cache=False).logits.float()
        middle = self.n_layers // 2
        final = self.suffix(self.prefix(ids, middle), middle)
        parts = nn.functional.linear(final, self.unembedding, self.unembedding_bias).float()
        if self.soft_cap is not None:
            parts = self.soft_cap * torch.tanh(parts / self.soft_cap)
        if whole.shape != parts.shape or not torch.allclose(
            whole, parts, rtol=0, atol=TOLERANCE * float(whole.abs().max()), equal_nan=True
        ):
            raise MismatchError(
                f"The blocks of this {self.architecture}, run one by one, do not give the logits "
                "of the whole model: it is a variant that the transformers back end does not "
                "support; choose engine.backend=transformer_lens."
            )

    def _give(self, wanted: WeightProcessing) -> None:
        """What the SAE expects, as far as TransformerLens gave it in training; see
        `semdim.models.load.load_model`."""
        self.is_stream_centred = wanted.center_writing_weights and self._kind.is_layer_norm
        self.is_unembed_centred = wanted.center_unembed and self.soft_cap is None
        left = [
            name
            for name, is_left in {
                "center_writing_weights": wanted.center_writing_weights
                and not self.is_stream_centred,
                "center_unembed": wanted.center_unembed and not self.is_unembed_centred,
            }.items()
            if is_left
        ]
        if left:
            warnings.warn(
                f"{', '.join(left)}: asked for by the SAE, but without effect on "
                f"{self.architecture} (TransformerLens also left it out in training).",
                stacklevel=3,
            )


def _hub_name(name: str) -> str:
    """The id of a model of the hub; a folder says nothing."""
    is_folder = not name or Path(name).is_absolute() or Path(name).exists()
    return "custom" if is_folder else name
