"""What a model is run with: TransformerLens's HookedTransformer, or transformers' own blocks.

Both run a model in two halves and give the rows of its unembedding; all else (`SplitModel`) is the
same for both. A back end copies no weight and changes none.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxtyping import Float, Int
from torch import Tensor

from semdim.errors import MismatchError

if TYPE_CHECKING:
    import torch

    from semdim.models.spec import WeightProcessing


class Backend(ABC):
    """A model whose blocks can be run from one to another.

    Sequences all have the same length and are not padded, so that no attention mask is needed.
    """

    name: str
    """``transformer_lens`` or ``transformers``."""
    model: Any
    """A ``torch.nn.Module`` in evaluation mode."""
    model_name: str
    """What SAEs know it by; ``custom`` where nothing says."""
    architecture: str
    """Its class in transformers."""
    n_layers: int
    """Blocks."""
    d_model: int
    """Width of the residual stream."""
    vocab_size: int
    """V: its logits."""
    n_context: int
    """Longest sequence, tokens."""
    unembedding: Float[Tensor, "vocab_size d_model"]
    """The model's own, not a copy."""
    unembedding_bias: Float[Tensor, " vocab_size"] | None
    """None where it is zero."""
    soft_cap: float | None
    """Logits become cap·tanh(logits/cap); None: they stay."""
    is_stream_centred: bool
    """The prefix is to lose its mean over d_model, which the blocks leave in it."""
    is_unembed_centred: bool
    """Logits are to lose their mean over the vocabulary, which the unembedding leaves in them."""

    @abstractmethod
    def prefix(
        self, token_ids: Int[Tensor, "batch position"], stop: int
    ) -> Float[Tensor, "batch position d_model"]:
        """The residual stream before block ``stop``."""

    @abstractmethod
    def suffix(
        self, residual: Float[Tensor, "batch position d_model"], start: int
    ) -> Float[Tensor, "batch position d_model"]:
        """Blocks from ``start`` on, and the final norm; in the caller's gradient mode."""


def backend_of(model: Any, processing: "WeightProcessing | None" = None) -> Backend:
    """The back end that runs a model which is in memory.

    Args:
        model: a HookedTransformer, a TransformerBridge, or a decoder of transformers.
        processing: what an SAE expects of the residual stream. Weights of a HookedTransformer are
            processed when it is loaded, so that this is for transformers alone.

    Raises:
        MismatchError: it is neither, or of an architecture that the back end does not know.
    """
    model = unwrapped(model)
    if check_kind(model) == "transformers":
        from semdim.forward.backends.transformers import TransformersBackend

        return TransformersBackend(model, processing)
    from semdim.forward.backends.transformer_lens import TransformerLensBackend

    return TransformerLensBackend(model)


def unwrapped(model: Any) -> Any:
    """The model of transformers inside a TransformerBridge of TransformerLens; any other as it is.

    The bridge's hooks stay out: it runs the same blocks on the same weights.
    """
    is_bridge = any(
        base.__name__ == "TransformerBridge" and base.__module__.startswith("transformer_lens.")
        for base in type(model).__mro__
    )
    return model.original_model if is_bridge else model


def check_kind(model: Any) -> str:
    """The name of the back end that runs models of this class; neither library is imported.

    Raises:
        MismatchError: none does.
    """
    bases = {f"{base.__module__.split('.')[0]}.{base.__name__}" for base in type(model).__mro__}
    for base, name in (
        ("transformer_lens.HookedTransformer", "transformer_lens"),
        ("transformers.PreTrainedModel", "transformers"),
    ):
        if base in bases:
            return name
    raise MismatchError(
        f"semdim cannot cut a {type(model).__name__} in two: give a TransformerLens "
        "HookedTransformer, or a model loaded by transformers' AutoModelForCausalLM."
    )


def load_backend(
    name: str,
    folder: Path | str,
    *,
    dtype: "torch.dtype",
    device: str,
    processing: "WeightProcessing",
) -> Backend:
    """The model that `semdim.models.export.export_model` wrote to ``folder``, ready to be run.

    Args:
        name: ``transformer_lens`` or ``transformers``; both read the same files.
        dtype: of weights and activations.
        device: where it runs.
        processing: what an SAE expects of the residual stream.

    Raises:
        ArtifactError: nothing was exported there, or it is damaged.
        MismatchError: the back end does not know the architecture.
    """
    if name == "transformers":
        from semdim.forward.backends.transformers import TransformersBackend
        from semdim.models.load_transformers import load_transformers

        return TransformersBackend(
            load_transformers(folder, dtype=dtype, device=device), processing
        )
    from semdim.forward.backends.transformer_lens import TransformerLensBackend
    from semdim.models.load import load_model

    return TransformerLensBackend(
        load_model(folder, dtype=dtype, device=device, processing=processing)
    )
