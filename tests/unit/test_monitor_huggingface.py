"""The hook on a model of transformers counts what the pipeline counts."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from semdim.errors import DataError, MismatchError
from semdim.models.export import export_model
from semdim.models.spec import ModelSource
from semdim.models.tokenizer import load_tokenizer
from semdim.monitor import SparsityMonitor, Token, watch
from semdim.paths import Paths
from semdim.records import read_record
from semdim.saes.export import export_sae
from semdim.saes.spec import SAESource
from semdim.uncertainty.guardrail import Guardrail
from semdim.uncertainty.spec import UncertaintySpec
from tests.unit.monitor_factory import (
    Pipeline,
    calibrated,
    export_tiny,
    limit,
    write_guardrail,
    write_hook,
)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return export_tiny(tmp_path_factory.mktemp("hf"))


@pytest.fixture(scope="module")
def model(paths: Paths) -> Any:
    return AutoModelForCausalLM.from_pretrained(paths.model("tiny"), dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def guardrail(paths: Paths) -> Path:
    spec = UncertaintySpec(n_resamples=20, n_splits=2, window=8, guardrail_looks=(8, 24))
    return write_guardrail(paths.results("tiny") / "guardrail.json", calibrated(paths, spec))


def prompt(paths: Paths) -> torch.Tensor:
    tokenizer = load_tokenizer(paths.model("tiny"))
    ids = tokenizer("def mean(data, weights):", add_special_tokens=False)["input_ids"]
    return torch.tensor([[tokenizer.bos_token_id, *ids]])


def generate(
    model: Any, ids: torch.Tensor, n_tokens: int, seed: int = 0, **settings: Any
) -> torch.Tensor:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=n_tokens, do_sample=True,
            top_k=0, pad_token_id=0, eos_token_id=None, **settings,
        )  # fmt: skip


def test_k_in_front_of_generate_is_the_pipelines(paths: Paths, model: Any, guardrail: Path) -> None:
    tokenizer = load_tokenizer(paths.model("tiny"))
    folders = {"sae": paths.sae("tiny"), "facts": paths.model("tiny")}
    with watch(model, tokenizer, threshold=guardrail, **folders) as guard:
        out = generate(model, prompt(paths), 40)
    reading = guard.reading()
    seen = [token.id for token in reading.tokens]
    assert seen == out[0, :-1].tolist()  # the last token never ran through the model
    expected = Pipeline(paths).n_active(out[:, :-1])[0].tolist()
    assert [token.n_active for token in reading.tokens] == expected
    n_prompt = prompt(paths).shape[1]
    assert [t.is_generated for t in reading.tokens] == [i >= n_prompt for i in range(len(seen))]
    assert reading.alarm is not None
    text = tokenizer.decode(seen[1:])
    assert reading.text == text[: len(reading.text)] and len(reading.text) > 20


def test_the_hooks_go_when_the_block_ends(paths: Paths, model: Any) -> None:
    tokenizer = load_tokenizer(paths.model("tiny"))
    with watch(model, tokenizer, paths.sae("tiny"), facts=paths.model("tiny")) as guard:
        generate(model, prompt(paths), 3)
    n_seen = len(guard.tokens)
    generate(model, prompt(paths), 3)
    assert len(guard.tokens) == n_seen


def test_an_alarm_calls_back_and_stops(paths: Paths, model: Any, guardrail: Path) -> None:
    """The same generation with and without a stop: it ends right after the first alarm."""
    from semdim.monitor import read_threshold

    tokenizer = load_tokenizer(paths.model("tiny"))
    folders = {"sae": paths.sae("tiny"), "facts": paths.model("tiny")}
    with watch(model, tokenizer, **folders) as guard:
        whole = generate(model, prompt(paths), 50)
    at = prompt(paths).shape[1] + 20
    calm, value = guard.tokens[at - 5].level, guard.tokens[at].level
    source = read_threshold(guardrail).provenance
    own = limit(
        ("sequence_median", at - 5, calm + 0.5), ("sequence_median", at, value - 0.5),
        **vars(source),
    )  # fmt: skip
    heard: list[Token] = []
    with watch(model, tokenizer, threshold=own, on_alarm=heard.append, **folders) as guard:
        stopped = generate(model, prompt(paths), 50, stopping_criteria=[guard.stop])
    assert [token.position for token in heard] == [at]
    assert guard.has_alarm and guard.reading().alarm
    # The alarm is on a token that was generated before; the one drawn from it is the last.
    assert stopped[0].tolist() == whole[0, : at + 2].tolist()


def test_what_cannot_be_watched_is_refused(paths: Paths, model: Any) -> None:
    tokenizer = load_tokenizer(paths.model("tiny"))
    ids = prompt(paths)
    with watch(model, tokenizer, paths.sae("tiny"), facts=paths.model("tiny")) as guard:
        with pytest.raises(DataError, match="not a batch of 2"):
            model(torch.cat([ids, ids]))
        with pytest.raises(DataError, match="calibration put BOS"):
            model(ids[:, 1:])
        generate(model, ids, 2)
        with pytest.raises(DataError, match="reset"):
            generate(model, ids, 2, stopping_criteria=[guard.stop])
        guard.reset()
        assert guard.tokens == [] and not guard.has_alarm
        generate(model, ids, 2, stopping_criteria=[guard.stop])


def test_beyond_the_context_nothing_is_judged(paths: Paths, model: Any, guardrail: Path) -> None:
    tokenizer = load_tokenizer(paths.model("tiny"))
    folders = {"sae": paths.sae("tiny"), "facts": paths.model("tiny")}
    with (
        watch(model, tokenizer, threshold=guardrail, **folders),
        pytest.warns(UserWarning, match="nothing is judged"),
    ):
        generate(model, prompt(paths), 70)


def test_anothers_threshold_is_refused(
    tmp_path: Path, paths: Paths, model: Any, guardrail: Path
) -> None:
    content = read_record(guardrail, Guardrail)
    path = write_guardrail(tmp_path / "g.json", content, model_fingerprint="e" * 64)
    folders = {"sae": paths.sae("tiny"), "facts": paths.model("tiny")}
    with (
        pytest.raises(MismatchError, match="eeeeeeeeeeee"),
        watch(model, load_tokenizer(paths.model("tiny")), threshold=path, **folders),
    ):
        pass


def test_blocks_that_nobody_finds_are_refused(paths: Paths) -> None:
    with (
        pytest.raises(MismatchError, match="blocks of Linear"),
        watch(torch.nn.Linear(2, 2), None, paths.sae("tiny"), facts=paths.model("tiny")),
    ):
        pass


@pytest.mark.parametrize("hook_name", ["blocks.1.hook_resid_pre", "blocks.1.hook_resid_post"])
def test_every_residual_hook_of_a_gpt2_with_centred_weights(tmp_path: Path, hook_name: str) -> None:
    """SAEs of GPT-2 read a model whose writing weights are centred; transformers' is not."""
    paths = Paths(tmp_path)
    export_model(
        ModelSource(
            kind="random", architecture="gpt2", n_layers=3, d_model=48, n_heads=4, vocab_size=768,
            n_context=64, seed=1,
        ),
        paths.model("g"),
    )  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(paths.model("g"), dtype=torch.float32).eval()
    tokenizer = load_tokenizer(paths.model("g"))
    ids = torch.tensor([[tokenizer.bos_token_id, *range(40, 70)]])
    layer = 1 + hook_name.endswith("post")
    norms = model(ids, output_hidden_states=True).hidden_states[layer][0].norm(dim=-1)
    export_sae(
        SAESource(
            kind="random", d_in=48, dict_size=128, hook_name=hook_name, model_name="random-gpt2",
            activation_norm=float(norms.median()), mean_n_active=12.0, seed=0,
        ),
        paths.sae("g"),
    )  # fmt: skip
    facts = paths.sae("g") / "facts.json"
    facts.write_text(
        facts.read_text().replace(
            '"center_writing_weights": false', '"center_writing_weights": true'
        )
    )
    write_hook(paths, "g", "g")
    with watch(model, tokenizer, paths.sae("g"), facts=paths.model("g")) as guard:
        model(ids)
    ours = [token.n_active for token in guard.tokens]
    with SparsityMonitor.load("g", root=tmp_path) as monitor:
        assert monitor._split is not None
        assert monitor._split.model.blocks[0].mlp.W_out.mean(-1).abs().max() < 1e-5  # it is centred
    assert ours == Pipeline(paths, "g").n_active(ids)[0].tolist()
    assert len(set(ours)) > 5
