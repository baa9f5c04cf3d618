"""Models that semdim cannot run are refused by their configuration, before a weight is read."""

from typing import Any

import pytest
import transformers

from semdim.errors import MismatchError
from semdim.models.accept import check_config

SMALL = {
    "vocab_size": 400, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
}  # fmt: skip
BITS = {"bits": 4, "group_size": 128}


@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [
        ("Llama", {"quantization_config": {"quant_method": "gptq"} | BITS}, "quantised (gptq)"),
        ("Llama", {"quantization_config": {"quant_method": "awq"} | BITS}, "quantised (awq)"),
        ("Llama", {"quantization_config": {"load_in_4bit": True}}, "quantised (unknown)"),
        ("Llama", {"num_hidden_layers": 0}, "num_hidden_layers = 0"),
        ("Gemma3", {}, "reads more than text (Gemma3Config)"),
        ("T5", {}, "not a language model that predicts the next token (t5)"),
        ("OPT", {"word_embed_proj_dim": 32}, "OPTForCausalLM with word_embed_proj_dim = 32"),
        ("GPTNeoX", {"attention_bias": False}, "GPTNeoXForCausalLM with attention_bias = False"),
        ("GPT2", {"activation_function": "quick_gelu"}, "activation function 'quick_gelu'"),
        ("Phi", {}, "PhiForCausalLM"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_run_is_refused_by_name(
    kind: str, settings: dict[str, Any], says: str
) -> None:
    config = getattr(transformers, f"{kind}Config")(**SMALL | settings)
    with pytest.raises(MismatchError) as caught:
        check_config(config, "somebody/model")
    assert says in str(caught.value) and str(caught.value).startswith("somebody/model ")


def test_bloom_is_run() -> None:
    """It has no positions of its own; the export compares it with transformers, as every model."""
    config = transformers.BloomConfig(vocab_size=400, hidden_size=64, n_layer=2, n_head=4)
    assert check_config(config, "bloom") > 0
