"""TransformerLens's configuration of a model, from the model's own.

TransformerLens infers architectures from names (any path with "llama" or "gemma" in it) and keeps
the Gemma family's shapes in tables of released models. Here everything comes from config.json, so
a local folder is enough; architectures without an entry go through TransformerLens itself.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from transformer_lens import HookedTransformerConfig
from transformer_lens.utilities.activation_functions import SUPPORTED_ACTIVATIONS

from semdim.errors import MismatchError

# Substrings that TransformerLens takes for an architecture wherever they stand in a path.
_MISLEADING = ("llama", "gemma", "wav2vec", "hubert", "bert", "t5")


@runtime_checkable
class Named(Protocol):
    """What of a model's facts its configuration does not say."""

    @property
    def name(self) -> str: ...
    @property
    def architecture(self) -> str: ...


def hooked_config(
    config: Any, facts: Named, *, device: str, dtype: torch.dtype
) -> HookedTransformerConfig:
    """Configuration for `HookedTransformer` of a transformers `config`.

    Raises MismatchError for an architecture that TransformerLens does not know, or a variant of a
    known one that it would compute wrongly.
    """
    _check_variant(config, facts.architecture)
    read = _READERS.get(facts.architecture, _by_transformer_lens)
    fields = read(config)
    if fields.get("act_fn") not in SUPPORTED_ACTIVATIONS:
        raise MismatchError(
            f"TransformerLens has no activation function {fields.get('act_fn')!r}, only "
            f"{', '.join(sorted(SUPPORTED_ACTIVATIONS))}."
        )
    fields.update(
        original_architecture=facts.architecture,
        model_name=facts.name.split("/")[-1],
        tokenizer_name=None,
        init_weights=False,
        default_prepend_bos=True,
        from_checkpoint=False,
        n_devices=1,
        device=device,
        dtype=dtype,
    )
    try:
        return HookedTransformerConfig.from_dict(fields)
    except (AssertionError, TypeError, ValueError) as error:
        raise MismatchError(f"TransformerLens cannot run this variant: {error}.") from error


def _gpt2(config: Any) -> dict[str, Any]:
    return {
        "d_model": config.n_embd,
        "d_head": config.n_embd // config.n_head,
        "n_heads": config.n_head,
        "d_mlp": config.n_inner or 4 * config.n_embd,
        "n_layers": config.n_layer,
        "n_ctx": config.n_positions,
        "eps": config.layer_norm_epsilon,
        "d_vocab": config.vocab_size,
        "act_fn": config.activation_function,
        "use_attn_scale": config.scale_attn_weights,
        "scale_attn_by_inverse_layer_idx": config.scale_attn_by_inverse_layer_idx,
        "normalization_type": "LN",
    }


def _rotary(config: Any) -> dict[str, Any]:
    """What every decoder with rotary positions, gated MLP and RMS norm shares."""
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return {
        "d_model": config.hidden_size,
        "d_head": head,
        "n_heads": config.num_attention_heads,
        "d_mlp": config.intermediate_size,
        "n_layers": config.num_hidden_layers,
        "n_ctx": config.max_position_embeddings,
        "eps": config.rms_norm_eps,
        "d_vocab": config.vocab_size,
        "normalization_type": "RMS",
        "positional_embedding_type": "rotary",
        "rotary_adjacent_pairs": False,
        "rotary_dim": head,
        "final_rms": True,
        "gated_mlp": True,
    }


def _llama(config: Any) -> dict[str, Any]:
    if getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False):
        raise MismatchError(
            "TransformerLens drops the biases of this Llama variant, so it is not supported."
        )
    heads, pairs = config.num_attention_heads, config.num_key_value_heads
    rope = config.rope_parameters
    fields = _rotary(config) | {
        "act_fn": config.hidden_act,
        "n_key_value_heads": pairs if pairs != heads else None,
        "rotary_base": rope["rope_theta"],
    }
    if rope.get("rope_type", "default") == "llama3":
        fields |= {
            "use_NTK_by_parts_rope": True,
            "NTK_original_ctx_len": rope["original_max_position_embeddings"],
            "NTK_by_parts_low_freq_factor": rope["low_freq_factor"],
            "NTK_by_parts_high_freq_factor": rope["high_freq_factor"],
            "NTK_by_parts_factor": rope["factor"],
        }
    else:
        _plain_rope(rope)
    return fields


def _gemma(config: Any) -> dict[str, Any]:
    _plain_rope(config.rope_parameters)
    return _rotary(config) | {
        "act_fn": config.hidden_act,
        # The converter always writes grouped keys and values, whatever their number.
        "n_key_value_heads": config.num_key_value_heads,
        "rotary_base": config.rope_parameters["rope_theta"],
    }


def _gemma2(config: Any) -> dict[str, Any]:
    _plain_rope(config.rope_parameters)
    return _gemma_local(config) | {
        "rotary_base": config.rope_parameters["rope_theta"],
        "attn_scores_soft_cap": config.attn_logit_softcapping or -1.0,
        "output_logits_soft_cap": config.final_logit_softcapping or -1.0,
    }


def _gemma3(config: Any) -> dict[str, Any]:
    whole, local = (config.rope_parameters[key] for key in ("full_attention", "sliding_attention"))
    _plain_rope(local)
    fields = _gemma_local(config) | {
        "use_qk_norm": True,
        "rotary_base": whole["rope_theta"],
        "rotary_base_local": local["rope_theta"],
    }
    if whole.get("rope_type", "default") == "linear":
        fields["rotary_scaling_factor"] = whole["factor"]
    else:
        _plain_rope(whole)
    return fields


def _gemma_local(config: Any) -> dict[str, Any]:
    """Gemma 2 and 3: norms around each sublayer, some layers with a sliding window."""
    kinds = {"sliding_attention": "local", "full_attention": "global"}
    return _rotary(config) | {
        "act_fn": config.hidden_activation,
        "n_key_value_heads": config.num_key_value_heads,
        "use_attn_scale": True,
        "attn_scale": float(config.query_pre_attn_scalar) ** 0.5,
        "use_normalization_before_and_after": True,
        "use_local_attn": True,
        "window_size": config.sliding_window,
        "attn_types": [kinds[kind] for kind in config.layer_types],
    }


def _plain_rope(rope: dict[str, Any]) -> None:
    kind = rope.get("rope_type", "default")
    if kind != "default":
        raise MismatchError(
            f"This model's rotary positions are scaled ({kind}), which is not supported for its "
            f"architecture."
        )


def _check_variant(config: Any, architecture: str) -> None:
    """Refuse variants whose weights TransformerLens has no place for."""
    width = getattr(config, "hidden_size", 0)
    if architecture == "GPTNeoXForCausalLM" and not getattr(config, "attention_bias", True):
        odd = "attention_bias = False"
    elif architecture == "OPTForCausalLM" and config.word_embed_proj_dim != width:
        odd = f"word_embed_proj_dim = {config.word_embed_proj_dim}"
    elif architecture == "OPTForCausalLM" and not config.do_layer_norm_before:
        odd = "do_layer_norm_before = False"
    elif architecture == "GPTNeoForCausalLM" and config.intermediate_size not in (None, 4 * width):
        odd = f"intermediate_size = {config.intermediate_size}"
    else:
        return
    raise MismatchError(f"TransformerLens cannot run {architecture} with {odd}.")


def _by_transformer_lens(config: Any) -> dict[str, Any]:
    """TransformerLens's own reading, through a folder whose name says nothing."""
    from transformer_lens.loading_from_pretrained import convert_hf_model_config

    with _unnamed_folder() as folder:
        config.save_pretrained(Path(folder))
        try:
            return dict(convert_hf_model_config(folder))
        except NotImplementedError as error:
            raise MismatchError(f"TransformerLens does not know this model: {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise MismatchError(
                f"TransformerLens knows {config.architectures[0]}, but cannot read its "
                f"configuration as this version of transformers writes it ({error})."
            ) from error


@contextmanager
def _unnamed_folder() -> Iterator[str]:
    """A temporary folder in whose path TransformerLens finds no architecture."""
    while True:
        with tempfile.TemporaryDirectory(prefix="m") as folder:
            if not any(word in folder.lower() for word in _MISLEADING):
                yield folder
                return
            if any(word in tempfile.gettempdir().lower() for word in _MISLEADING):
                raise MismatchError(
                    f"The temporary folder {folder} would mislead TransformerLens: set TMPDIR to a "
                    f"folder without a model's name in its path."
                )


_READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "GPT2LMHeadModel": _gpt2,
    "LlamaForCausalLM": _llama,
    "GemmaForCausalLM": _gemma,
    "Gemma2ForCausalLM": _gemma2,
    "Gemma3ForCausalLM": _gemma3,
}
