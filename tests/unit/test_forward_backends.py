"""The transformers back end: cut in two anywhere, a decoder gives what it gives whole, and what
TransformerLens gives."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from decoder_factory import (
    CONTEXT,
    DECODERS,
    N_LAYERS,
    VOCABULARY,
    WIDTH,
    WINDOW,
    sample_ids,
    small_decoder,
)

from semdim.errors import ArtifactError, MismatchError
from semdim.forward import architecture
from semdim.forward.backend import backend_of, load_backend
from semdim.forward.backends.transformers import TransformersBackend
from semdim.forward.next_token import LN2
from semdim.forward.split import SplitModel
from semdim.models.spec import WeightProcessing

HOOKS = [
    f"blocks.{layer}.hook_resid_{side}"
    for layer in (0, N_LAYERS // 2, N_LAYERS - 1)
    for side in ("pre", "post")
]
BITS = 1e-4


def nll_of(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Bits, [B, T − 1]."""
    log_p = logits.double().log_softmax(-1)[:, :-1]
    return -log_p.gather(2, ids[:, 1:, None]).squeeze(2) / LN2


def nll_of_split(split: SplitModel, ids: torch.Tensor) -> torch.Tensor:
    found = split.next_token(split.suffix(split.prefix(ids)), ids, scores=True)
    return found.nll.view(len(ids), -1).double()


@pytest.mark.parametrize("name", DECODERS)
def test_cut_anywhere_a_decoder_gives_what_it_gives_whole(name: str) -> None:
    model, ids = small_decoder(name), sample_ids()
    with torch.no_grad():
        whole = model(ids, output_hidden_states=True)
    expected = nll_of(whole.logits, ids)
    assert expected.std() > 0.5  # far from uniform, so that agreement says something
    for hook in HOOKS:
        split = SplitModel(model, hook)
        activation = split.prefix(ids)
        # transformers gives the last block's stream behind the final norm.
        if split.start_layer < N_LAYERS:
            stream = whole.hidden_states[split.start_layer]
            torch.testing.assert_close(activation, stream, rtol=0, atol=1e-4)
        assert (nll_of_split(split, ids) - expected).abs().max() < BITS
        with torch.no_grad():  # gradients go this way: no packed products
            found = split.run_logits(split.run_suffix(activation).flatten(0, 1))
        assert (nll_of(found.view(*ids.shape, -1), ids) - expected).abs().max() < BITS


WINDOWED = ["mistral-window", "phi3-window", "qwen2-window", "gemma2", "gemma3"]


@pytest.mark.parametrize("name", WINDOWED)
def test_windows_are_in_these_numbers(name: str) -> None:
    """A window that nobody looks through would prove nothing."""
    ids = sample_ids()
    narrow, wide = small_decoder(name), small_decoder(name, sliding_window=10 * CONTEXT)
    with torch.no_grad():
        difference = nll_of(narrow(ids).logits, ids) - nll_of(wide(ids).logits, ids)
    assert difference[:, : WINDOW - 1].abs().max() < 1e-9
    assert difference[:, WINDOW:].abs().max() > 0.01


#: What HookedTransformer computes rightly: it drops scaled rotations, biases of Llama and windows
#: of Mistral and Qwen, so that these have no other back end to be compared with.
BOTH = ["gpt2", "pythia", "neox-serial", "llama", "llama-tied", "mistral", "phi3", "qwen2",
        "qwen3", "gemma", "gemma2", "gemma3"]  # fmt: skip


def hooked(model: Any, processing: WeightProcessing | None = None) -> Any:
    """The same weights in TransformerLens."""
    from transformer_lens import HookedTransformer

    from semdim.models import load
    from semdim.models.facts import ModelFacts
    from semdim.models.hooked_config import hooked_config

    facts = ModelFacts("small", type(model).__name__, N_LAYERS, WIDTH, VOCABULARY, 0, (), 64, "")
    model.config.architectures = [type(model).__name__]
    config = hooked_config(model.config, facts, device="cpu", dtype=torch.float32)
    other = HookedTransformer(config, tokenizer=None, move_to_device=False)
    state = load._state_dict(model, config)
    other.load_and_process_state_dict(state, **(processing or WeightProcessing()).as_dict())
    return other.eval().requires_grad_(False)


@pytest.mark.parametrize("name", BOTH)
def test_both_back_ends_give_the_same(name: str) -> None:
    model, ids = small_decoder(name), sample_ids()
    other = hooked(model)
    for hook in HOOKS[::2] + HOOKS[-1:]:
        ours, theirs = SplitModel(model, hook), SplitModel(other, hook)
        assert (ours.backend.name, theirs.backend.name) == ("transformers", "transformer_lens")
        for fact in ("n_layers", "d_model", "vocab_size", "soft_cap"):
            assert getattr(ours.backend, fact) == getattr(theirs.backend, fact), fact
        torch.testing.assert_close(ours.prefix(ids), theirs.prefix(ids), rtol=0, atol=1e-4)
        spliced = theirs.prefix(ids) + 0.1 * torch.randn(
            len(ids), CONTEXT, WIDTH, generator=torch.Generator().manual_seed(5)
        )
        found, expected = (
            split.next_token(split.suffix(spliced), ids, scores=True) for split in (ours, theirs)
        )
        assert (found.nll - expected.nll).abs().max() < BITS
        for column in ("max_prob", "entropy", "energy"):
            torch.testing.assert_close(
                getattr(found, column), getattr(expected, column), rtol=0, atol=BITS
            )


EVERY = WeightProcessing(
    center_writing_weights=True, fold_ln=True, center_unembed=True, fold_value_biases=True
)


@pytest.mark.parametrize("name", ["gpt2", "pythia"])
def test_processed_weights_are_given_without_them(name: str) -> None:
    """What an SAE reads, and what follows from what it writes, a mean of its own included."""
    model, ids = small_decoder(name), sample_ids()
    other = hooked(model, EVERY)
    plain = SplitModel(model, HOOKS[0])
    for hook in HOOKS:
        ours = SplitModel(TransformersBackend(model, EVERY), hook)
        theirs = SplitModel(other, hook)
        found, expected = ours.prefix(ids), theirs.prefix(ids)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
        assert found.mean(-1).abs().max() < 1e-6
        assert SplitModel(model, hook).prefix(ids).mean(-1).abs().max() > 0.05
        noise = torch.randn(found.shape, generator=torch.Generator().manual_seed(5))
        spliced = found + 0.3 * noise + 0.5  # an SAE's reconstruction need not be centred
        one, two = (
            split.next_token(split.suffix(spliced), ids, scores=True) for split in (ours, theirs)
        )
        assert (one.nll - two.nll).abs().max() < BITS
        for column in ("max_prob", "entropy", "energy"):
            torch.testing.assert_close(
                getattr(one, column), getattr(two, column), rtol=0, atol=BITS
            )
        assert (nll_of_split(ours, ids) - nll_of_split(plain, ids)).abs().max() < BITS


@pytest.mark.parametrize("name", ["gpt2", "pythia", "neox-serial"])
def test_layer_norms_ignore_a_mean_that_is_added_back(name: str) -> None:
    """Any number added to all of a token's stream, before any block: the same losses."""
    split, ids = SplitModel(small_decoder(name), "blocks.1.hook_resid_pre"), sample_ids()
    start = split.prefix(ids)
    shift = 3 * torch.randn(*ids.shape, 1, generator=torch.Generator().manual_seed(2))
    losses = [split.next_token(split.suffix(h), ids).nll for h in (start, start + shift)]
    assert (losses[0] - losses[1]).abs().max() < BITS
    # An RMS norm does not ignore it, which is why nothing is centred there.
    other = SplitModel(small_decoder("llama"), "blocks.1.hook_resid_pre")
    start = other.prefix(ids)
    losses = [other.next_token(other.suffix(h), ids).nll for h in (start, start + shift)]
    assert (losses[0] - losses[1]).abs().max() > 0.1


@pytest.mark.parametrize(("name", "left"), [("llama", "center_writing"), ("gemma2", "center_un")])
def test_processing_that_has_no_effect_is_said(name: str, left: str) -> None:
    model = small_decoder(name)
    with pytest.warns(UserWarning, match=f"{left}.*without effect on {type(model).__name__}"):
        backend = TransformersBackend(model, EVERY)
    ids = sample_ids()
    found = SplitModel(backend, HOOKS[0]).prefix(ids)
    assert torch.equal(found, SplitModel(model, HOOKS[0]).prefix(ids))


def test_an_unknown_architecture_is_refused_by_name() -> None:
    from transformers import OPTConfig, OPTForCausalLM

    config = OPTConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, ffn_dim=16, num_attention_heads=2,
        max_position_embeddings=16, word_embed_proj_dim=16,
    )  # fmt: skip
    with pytest.raises(MismatchError, match=r"OPTForCausalLM: it runs .*Gemma3ForCausalLM.*Qwen3"):
        backend_of(OPTForCausalLM(config))
    with pytest.raises(MismatchError, match="cannot cut a Linear in two"):
        backend_of(torch.nn.Linear(2, 2))


def test_a_model_whose_blocks_are_not_found_is_refused() -> None:
    model = small_decoder("llama")
    model.model.stack = model.model.layers
    del model.model.layers
    with pytest.raises(MismatchError, match=r"has no module model\.layers"):
        backend_of(model)


def test_a_variant_that_the_parts_do_not_give_is_refused() -> None:
    model = small_decoder("llama")
    model.model.norm.register_forward_hook(lambda module, args, output: output)
    backend_of(model)  # nothing is changed

    def doubled(module: Any, args: Any, output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state * 2
        return output

    model.model.register_forward_hook(doubled)
    with pytest.raises(MismatchError, match="run one by one"):
        backend_of(model)
    model = small_decoder("llama")
    model.lm_head.register_forward_hook(lambda module, args, output: output + 1)
    with pytest.raises(MismatchError, match="run one by one"):
        backend_of(model)


def test_an_architecture_from_outside_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaForCausalLM

    class OwnForCausalLM(LlamaForCausalLM):
        pass

    model = small_decoder("llama")
    model.__class__ = OwnForCausalLM
    with pytest.raises(MismatchError, match="OwnForCausalLM"):
        backend_of(model)
    known = architecture.ARCHITECTURES["LlamaForCausalLM"]
    entries = architecture.ARCHITECTURES._entries
    monkeypatch.setitem(entries, "OwnForCausalLM", known)
    assert backend_of(model).architecture == "OwnForCausalLM"


def test_no_weight_is_copied_and_none_is_changed() -> None:
    model, ids = small_decoder("llama-tied"), sample_ids()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    split = SplitModel(model, HOOKS[2])
    assert split._unembed.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    nll_of_split(split, ids)
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())


def test_products_are_packed_once_for_each_weight() -> None:
    """Linear layers and GPT-2's transposed ones; an MLP's long sums stay with MKL in float32."""
    for name, per_block in (("llama", 6), ("gpt2", 3)):
        split = SplitModel(small_decoder(name), "blocks.1.hook_resid_post")
        split.prefix(sample_ids())
        assert len(split._products._packed) == 2 * per_block  # type: ignore[attr-defined]


def test_gradients_are_those_of_the_other_back_end() -> None:
    model, ids = small_decoder("llama"), sample_ids()
    from semdim.atoms.gradient import summed_loss

    start = SplitModel(model, HOOKS[2]).prefix(ids).clone()
    gradients = []
    for of in (model, hooked(model)):
        leaf = start.clone().requires_grad_(True)
        summed_loss(SplitModel(of, HOOKS[2]), leaf, ids).backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad)
    assert gradients[0].norm() > 1
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny models of the pipeline, exported."""
    from semdim.models.export import export_model
    from semdim.models.spec import ModelSource

    folders = {}
    for name in ("llama", "gpt2"):
        folders[name] = tmp_path_factory.mktemp("exports") / name
        export_model(
            ModelSource(
                kind="random", architecture=name, n_layers=3, d_model=24, n_heads=2,
                vocab_size=500, n_context=64, seed=0,
            ),
            folders[name],
        )  # fmt: skip
    return folders


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_one_export_serves_both(exported: dict[str, Path], name: str) -> None:
    ids = sample_ids()
    asked = WeightProcessing(center_writing_weights=name == "gpt2")
    splits = [
        SplitModel(
            load_backend(
                backend, exported[name], dtype=torch.float32, device="cpu", processing=asked
            ),
            "blocks.1.hook_resid_post",
        )
        for backend in ("transformers", "transformer_lens")
    ]
    assert [split.backend.name for split in splits] == ["transformers", "transformer_lens"]
    assert [split.model.training for split in splits] == [False, False]
    torch.testing.assert_close(*(split.prefix(ids) for split in splits), rtol=0, atol=1e-4)
    losses = [nll_of_split(split, ids) for split in splits]
    assert (losses[0] - losses[1]).abs().max() < BITS


def test_bfloat16_rounds_weights_and_nothing_else(exported: dict[str, Path]) -> None:
    exact, rounded = (
        load_backend(
            "transformers", exported["llama"], dtype=dtype, device="cpu",
            processing=WeightProcessing(),
        )
        for dtype in (torch.float32, torch.bfloat16)
    )  # fmt: skip
    weights = dict(exact.model.named_parameters())
    for name, weight in rounded.model.named_parameters():
        assert torch.equal(weight, weights[name].bfloat16())
    frequencies = rounded.model.model.rotary_emb.inv_freq
    assert torch.equal(frequencies, exact.model.model.rotary_emb.inv_freq)
    ids = sample_ids()
    one, two = (nll_of_split(SplitModel(b, HOOKS[0]), ids) for b in (exact, rounded))
    assert 0 < (one - two).abs().mean() < 0.2


def test_damaged_exports_are_refused(tmp_path: Path, exported: dict[str, Path]) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    def load(folder: Path) -> None:
        load_backend(
            "transformers", folder, dtype=torch.float32, device="cpu",
            processing=WeightProcessing(),
        )  # fmt: skip

    with pytest.raises(ArtifactError, match=r"facts\.json is missing"):
        load(tmp_path)
    out = tmp_path / "out"
    shutil.copytree(exported["llama"], out)
    weights = load_file(out / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ArtifactError, match=r"lacks weights \(model\.layers\.1\.mlp\.up_proj"):
        load(out)
    (out / "model.safetensors").write_bytes(b"rubbish")
    with pytest.raises(ArtifactError, match="cannot be read"):
        load(out)


def test_transformer_lens_is_not_imported(exported: dict[str, Path]) -> None:
    code = (
        "import sys, torch\n"
        "from semdim.forward.backend import load_backend\n"
        "from semdim.forward.split import SplitModel\n"
        "from semdim.models.spec import WeightProcessing\n"
        f"backend = load_backend('transformers', {str(exported['llama'])!r}, dtype=torch.float32, "
        "device='cpu', processing=WeightProcessing())\n"
        "split = SplitModel(backend, 'blocks.1.hook_resid_pre')\n"
        "ids = torch.arange(12)[None]\n"
        "assert split.next_token(split.suffix(split.prefix(ids)), ids).nll.isfinite().all()\n"
        "assert 'transformer_lens' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
