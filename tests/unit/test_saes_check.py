"""An SAE is refused, in one sentence, by a model it was not trained for."""

from dataclasses import replace

import pytest

from semdim.errors import MismatchError
from semdim.models.facts import ModelFacts
from semdim.models.spec import WeightProcessing
from semdim.saes.check import canonical_name, check_fit
from semdim.saes.facts import SAEFacts

MODEL = ModelFacts(
    name="gpt2",
    architecture="GPT2LMHeadModel",
    n_layers=12,
    d_model=768,
    vocab_size=50257,
    bos_token_id=50256,
    special_token_ids=(50256,),
    n_context=1024,
    fingerprint="f",
)
SAE = SAEFacts(
    name="an SAE",
    architecture="standard",
    d_in=768,
    dict_size=24576,
    hook_name="blocks.6.hook_resid_pre",
    hook_layer=6,
    start_layer=6,
    prepend_bos=True,
    context_size=128,
    model_name="gpt2-small",
    vocab_size=None,
    normalize_activations="none",
    input_scale=1.0,
    processing=WeightProcessing(center_writing_weights=True),
    apply_b_dec_to_input=True,
    constant_n_active=False,
    mean_n_active=None,
    fingerprint="f",
)


def test_a_pair_that_belongs_together_passes() -> None:
    check_fit(SAE, MODEL, context=128, prepend_bos=True)
    open_sae = replace(SAE, prepend_bos=None, context_size=None, model_name=None)
    check_fit(open_sae, MODEL, context=1024, prepend_bos=False)
    last = replace(SAE, hook_name="blocks.11.hook_resid_post")
    check_fit(last, MODEL, context=2, prepend_bos=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_name": "gemma-2b"}, "was trained on gemma-2b, not on gpt2"),
        ({"d_in": 2048}, "reads vectors of 2048 numbers, but the residual stream of gpt2 has 768"),
        ({"hook_name": "blocks.12.hook_resid_pre"}, "does not exist in this model"),
        ({"hook_name": "blocks.3.hook_resid_mid"}, "is not supported"),
        ({"hook_name": "blocks.3.mlp.hook_post"}, "is not supported"),
        ({"vocab_size": 50304}, "vocabulary of 50304 tokens, but gpt2 has 50257"),
        ({"prepend_bos": False}, "sequences without BOS, but these come with it"),
        ({"context_size": 64}, "longer than the 64 that the SAE an SAE was trained with"),
    ],
)
def test_a_mismatch_is_one_clear_sentence(changes: dict[str, object], message: str) -> None:
    with pytest.raises(MismatchError, match=message) as caught:
        check_fit(replace(SAE, **changes), MODEL, context=128, prepend_bos=True)  # type: ignore[arg-type]
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and text.count(". ") == 0


def test_a_context_beyond_the_model_is_refused() -> None:
    with pytest.raises(MismatchError, match="longer than the 1024 that gpt2 takes"):
        check_fit(replace(SAE, context_size=None), MODEL, context=1025, prepend_bos=True)


@pytest.mark.parametrize(
    "names",
    [
        ("gpt2", "gpt2-small", "openai-community/gpt2"),
        ("google/gemma-2b", "gemma-2b", "Gemma-2b"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct"),
        ("google/gemma-3-270m", "gemma-3-270m"),
    ],
)
def test_names_of_the_same_weights_are_one(names: tuple[str, ...]) -> None:
    assert len({canonical_name(name) for name in names}) == 1


def test_other_weights_are_other_names() -> None:
    different = ["gpt2", "gpt2-medium", "google/gemma-2b", "google/gemma-2b-it", "gemma-2-2b"]
    different += ["HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M-Instruct"]
    assert len({canonical_name(name) for name in different}) == len(different)
