"""Tiny GGUF files of the Llama kind, as llama.cpp's converter writes them."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from model_factory import small_model

from semdim.models.tiny import standard_library_text, train_tokenizer

VOCABULARY = 400
_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm", "model.layers": "blk",
}  # fmt: skip


def llama_tensors() -> dict[str, np.ndarray]:
    """Tensors of a small Llama under llama.cpp's names (their order within a head aside)."""
    found = {}
    for name, weight in small_model("Llama").state_dict().items():
        for theirs, ours in _NAMES.items():
            name = name.replace(theirs, ours)
        found[name] = weight.float().numpy()
    return found


def write_llama(
    path: Path,
    tensors: dict[str, np.ndarray] | None = None,
    settings: dict[str, Any] | None = None,
    n_parts: int = 1,
) -> None:
    """Write a GGUF file; further settings of the model are named without ``llama.``."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("small")
    writer.add_context_length(64)
    writer.add_embedding_length(48)
    writer.add_block_count(3)
    writer.add_feed_forward_length(96)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(VOCABULARY)
    if n_parts > 1:
        writer.add_uint16("split.count", n_parts)
    for key, value in ({"rope.dimension_count": 12} | (settings or {})).items():
        kinds: dict[type, Any] = {int: writer.add_uint32, float: writer.add_float32}
        kinds.get(type(value), writer.add_string)(f"llama.{key}", value)
    _add_tokenizer(writer)
    for name, tensor in (llama_tensors() if tensors is None else tensors).items():
        writer.add_tensor(name, np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter) -> None:
    import json

    tokenizer = train_tokenizer(standard_library_text(), VOCABULARY)
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    vocabulary = sorted(model["vocab"], key=model["vocab"].__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(vocabulary)
    writer.add_token_types([3] + [1] * (len(vocabulary) - 1))
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    for add in (writer.add_bos_token_id, writer.add_eos_token_id, writer.add_unk_token_id):
        add(0)
