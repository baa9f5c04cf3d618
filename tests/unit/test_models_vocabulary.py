"""Ids that are no text are never drawn, and a tokenizer gives the same tokens each time."""

import json
from pathlib import Path

import pytest
from model_factory import VOCABULARY, model_folder

from semdim.errors import MismatchError
from semdim.models.export import export_model
from semdim.models.spec import ModelSource
from semdim.models.tokenizer import load_tokenizer
from semdim.text.packing import random_tokens


def exported(folder: Path) -> ModelSource:
    return ModelSource(kind="folder", path=str(folder))


def test_a_padded_vocabulary_is_left_out_of_what_is_drawn(tmp_path: Path) -> None:
    model_folder(tmp_path / "m", "Llama", vocab_size=512)
    facts = export_model(exported(tmp_path / "m"), tmp_path / "out")
    assert facts.special_token_ids == (0, 1, 2, 3, *range(VOCABULARY, 512))
    ids = random_tokens(6400, 64, 512, 2, 0, facts.special_token_ids).token_ids
    assert ids.max() == VOCABULARY - 1


def test_a_tokenizer_with_tokens_that_the_model_lacks_is_refused(tmp_path: Path) -> None:
    model_folder(tmp_path / "m", "Llama", vocab_size=380)
    with pytest.raises(MismatchError, match=r"^20 tokens .* vocabulary of 380 .*, id 380\)"):
        export_model(exported(tmp_path / "m"), tmp_path / "out")


def test_special_tokens_beyond_the_vocabulary_are_no_text(tmp_path: Path) -> None:
    """Gemma 3's smallest models have one, for images that they do not read."""
    model_folder(tmp_path / "m", "Llama")
    path = tmp_path / "m" / "tokenizer.json"
    content = json.loads(path.read_text())
    content["added_tokens"].append(
        content["added_tokens"][0] | {"id": VOCABULARY, "content": "<i>"}
    )
    path.write_text(json.dumps(content))
    facts = export_model(exported(tmp_path / "m"), tmp_path / "out")
    assert facts.special_token_ids == (0, 1, 2, 3, VOCABULARY)


def test_dropped_merges_are_switched_off(tmp_path: Path) -> None:
    model_folder(tmp_path / "m", "Llama")
    path = tmp_path / "m" / "tokenizer.json"
    content = json.loads(path.read_text())
    plain = export_model(exported(tmp_path / "m"), tmp_path / "plain")
    content["model"]["dropout"] = 0.5
    path.write_text(json.dumps(content))
    export_model(exported(tmp_path / "m"), tmp_path / "out")
    assert plain.bos_token_id == 2
    text = "the argument of the parser is the one that the parser was given " * 20
    one = load_tokenizer(tmp_path / "out")
    ids = [tuple(one(text, add_special_tokens=False).input_ids) for _ in range(3)]
    assert len(set(ids)) == 1
    assert ids[0] == tuple(
        load_tokenizer(tmp_path / "plain")(text, add_special_tokens=False).input_ids
    )
