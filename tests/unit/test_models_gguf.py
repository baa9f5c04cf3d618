"""Of a GGUF file nothing is dropped in silence: tensors, scaled positions, further parts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf_factory import VOCABULARY, llama_tensors, write_llama

from semdim.errors import SemdimError
from semdim.models.export import export_model
from semdim.models.facts import ModelFacts
from semdim.models.spec import ModelSource

DOWN = "blk.1.ffn_down.weight"


def export(folder: Path, **content: Any) -> ModelFacts:
    (folder / "m").mkdir()
    write_llama(folder / "m" / "m.gguf", **content)
    return export_model(ModelSource(kind="folder", path=str(folder / "m")), folder / "out")


@pytest.mark.parametrize(
    "settings", [{}, {"rope.scaling.type": "none", "rope.scaling.factor": 1.0}]
)
def test_a_whole_file_is_taken(tmp_path: Path, settings: dict[str, Any]) -> None:
    facts = export(tmp_path, settings=settings)
    assert (facts.architecture, facts.n_layers) == ("LlamaForCausalLM", 3)
    assert (facts.vocab_size, facts.n_context, facts.d_model) == (VOCABULARY, 64, 48)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"settings": {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}},
         r"drops rope\.scaling\.factor = 4\.0, rope\.scaling\.type = linear from "),
        ({"settings": {"rope.scaling.type": "yarn"}}, r"drops rope\.scaling\.type = yarn"),
        ({"settings": {"attention.sliding_window": 16}}, "drops attention.sliding_window = 16"),
        ({"settings": {"attention.key_length": 16}}, "drops attention.key_length = 16"),
        ({"settings": {"final_logit_softcapping": 30.0}}, "drops final_logit_softcapping = 30.0"),
        ({"settings": {"logit_scale": 0.5}}, "drops logit_scale = 0.5"),
        ({"tensors": llama_tensors() | {"rope_freqs.weight": np.ones(6, dtype=np.float32)}},
         r"ignores rope_freqs\.weight in "),
        ({"tensors": llama_tensors() | {"blk.0.attn_q.bias": np.ones(48, dtype=np.float32)}},
         r"ignores blk\.0\.attn_q\.bias in"),
        ({"tensors": llama_tensors() | {"blk.3.ffn_down.weight": llama_tensors()[DOWN]}},
         r"ignores blk\.3\.ffn_down\.weight in"),
        ({"tensors": {k: v for k, v in llama_tensors().items() if k != DOWN}},
         r"lacks model\.layers\.1\.mlp\.down_proj\.weight"),
        ({"tensors": llama_tensors() | {DOWN: np.full((48, 96), np.nan, dtype=np.float32)}},
         r"NaN or infinite values in model\.layers\.1\.mlp\.down_proj\.weight"),
        ({"n_parts": 3}, "is one of 3 parts of a model"),
    ],
)  # fmt: skip
def test_what_would_be_dropped_is_refused(
    tmp_path: Path, content: dict[str, Any], message: str
) -> None:
    with pytest.raises(SemdimError, match=message):
        export(tmp_path, **content)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + b"\xff" * 100])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "m.gguf").write_bytes(content)
    with pytest.raises(SemdimError, match=r"m\.gguf"):
        export_model(ModelSource(kind="folder", path=str(tmp_path / "m")), tmp_path / "out")
