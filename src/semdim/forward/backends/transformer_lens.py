"""The back end on TransformerLens's HookedTransformer.

With it the two halves together are bitwise the full forward pass, because they run the same modules
on the same tensors; a test holds that.
"""

from typing import TYPE_CHECKING

from jaxtyping import Float, Int
from torch import Tensor

from semdim.forward.backend import Backend
from semdim.forward.layout import lay_out_weights

if TYPE_CHECKING:
    from transformer_lens import HookedTransformer


class TransformerLensBackend(Backend):
    """A HookedTransformer; its weights' memory is laid out for products (`lay_out_weights`).

    Args:
        model: its tokenizer must not pad.
    """

    name = "transformer_lens"
    is_stream_centred = is_unembed_centred = False  # its weights are processed already

    def __init__(self, model: "HookedTransformer") -> None:
        config = model.cfg
        self.model = lay_out_weights(model.eval())
        self.model_name = config.model_name
        self.architecture = str(config.original_architecture or type(model).__name__)
        self.n_layers, self.d_model = config.n_layers, config.d_model
        self.vocab_size, self.n_context = config.d_vocab_out, config.n_ctx
        self.unembedding = model.unembed.W_U.detach().T
        bias = model.unembed.b_U.detach()
        self.unembedding_bias = bias if bool(bias.any()) else None
        cap = config.output_logits_soft_cap
        self.soft_cap = cap if cap > 0 else None

    def prefix(
        self, token_ids: Int[Tensor, "batch position"], stop: int
    ) -> Float[Tensor, "batch position d_model"]:
        """See `Backend.prefix`."""
        residual: Tensor = self.model(token_ids, stop_at_layer=stop)
        return residual

    def suffix(
        self, residual: Float[Tensor, "batch position d_model"], start: int
    ) -> Float[Tensor, "batch position d_model"]:
        """See `Backend.suffix`."""
        if start < self.n_layers:
            residual = self.model(residual, start_at_layer=start, stop_at_layer=self.n_layers)
        final: Tensor = (
            self.model.ln_final(residual) if hasattr(self.model, "ln_final") else residual
        )
        return final
