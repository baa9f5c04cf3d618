"""Small random decoders of every architecture that the transformers back end runs."""

from typing import Any

import torch

VOCABULARY, WIDTH, N_LAYERS, CONTEXT, WINDOW = 120, 48, 4, 24, 7

_SHARED: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": 80,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
    "tie_word_embeddings": False,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": None,
}
_HEAD = {"head_dim": 16}  # heads that together are wider than the stream
_KINDS = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]
_WINDOWS = {"layer_types": _KINDS, "sliding_window": WINDOW}
_ROTATIONS = {
    "full_attention": {"rope_theta": 5000.0, "rope_type": "default"},
    "sliding_attention": {"rope_theta": 100.0, "rope_type": "default"},
}
_NEOX = {name: value for name, value in _SHARED.items() if name != "num_key_value_heads"}
_NEOX["num_attention_heads"] = 3  # 16 dimensions each, of which a quarter is rotated

#: Class of the model, class of its configuration, settings.
DECODERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": (
        "GPT2LMHeadModel", "GPT2Config",
        {
            "vocab_size": VOCABULARY, "n_embd": WIDTH, "n_layer": N_LAYERS, "n_head": 4,
            "n_positions": 64, "initializer_range": 0.2, "bos_token_id": 0, "eos_token_id": 1,
        },
    ),
    "pythia": ("GPTNeoXForCausalLM", "GPTNeoXConfig", _NEOX | {"use_parallel_residual": True}),
    "neox-serial": (
        "GPTNeoXForCausalLM", "GPTNeoXConfig", _NEOX | {"use_parallel_residual": False}
    ),
    "llama": ("LlamaForCausalLM", "LlamaConfig", _SHARED),
    "llama-tied": ("LlamaForCausalLM", "LlamaConfig", _SHARED | {"tie_word_embeddings": True}),
    "llama-scaled": (
        "LlamaForCausalLM", "LlamaConfig",
        _SHARED
        | {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}},
    ),
    "llama-biased": (
        "LlamaForCausalLM", "LlamaConfig", _SHARED | {"attention_bias": True, "mlp_bias": True}
    ),
    "mistral": ("MistralForCausalLM", "MistralConfig", _SHARED | {"sliding_window": None}),
    "mistral-window": ("MistralForCausalLM", "MistralConfig", _SHARED | {"sliding_window": WINDOW}),
    "phi3": ("Phi3ForCausalLM", "Phi3Config", _SHARED | {"sliding_window": None}),
    "phi3-window": ("Phi3ForCausalLM", "Phi3Config", _SHARED | {"sliding_window": WINDOW}),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", _SHARED),
    "qwen2-window": (
        "Qwen2ForCausalLM", "Qwen2Config", _SHARED | _WINDOWS | {"use_sliding_window": True}
    ),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", _SHARED | _HEAD),
    "gemma": ("GemmaForCausalLM", "GemmaConfig", _SHARED | _HEAD | {"num_key_value_heads": 1}),
    "gemma2": (
        "Gemma2ForCausalLM", "Gemma2Config",
        _SHARED | _HEAD | _WINDOWS
        | {
            "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0,
            "query_pre_attn_scalar": 10,
        },
    ),
    "gemma3": (
        "Gemma3ForCausalLM", "Gemma3TextConfig",
        _SHARED | _HEAD | _WINDOWS | {"query_pre_attn_scalar": 10, "rope_parameters": _ROTATIONS},
    ),
}  # fmt: skip


def small_decoder(name: str, seed: int = 0, **changes: Any) -> Any:
    """A random decoder in evaluation mode; norms and biases are not what they start at."""
    import transformers

    architecture, config, settings = DECODERS[name]
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        model = getattr(transformers, architecture)(
            getattr(transformers, config)(**settings | changes)
        )
        for weight in model.parameters():
            if weight.dim() == 1:
                weight.data += 0.2 * torch.randn_like(weight)
    return model.eval().requires_grad_(False)


def sample_ids(n_sequences: int = 3, context: int = CONTEXT) -> torch.Tensor:
    """Random ids, BOS (0) first and once more in mid-text."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(2, VOCABULARY, (n_sequences, context), generator=generator)
    ids[:, 0] = 0
    ids[1, context // 2] = 0
    return ids
