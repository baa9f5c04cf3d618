"""The dtype of a run: written down by check_params, read by stages, part of what keys their shards;
and the rates that stages leave behind, which are part of nothing."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from semdim import rates
from semdim.activations.cache import cache_activations
from semdim.artifacts.shards import MANIFEST, Artifact
from semdim.codes.encode import Encoding, encode_codes
from semdim.cost import probe_cost
from semdim.errors import ArtifactError, ConfigError
from semdim.forward import dtype as forward_dtype
from semdim.forward import emulated
from semdim.models.export import export_model
from semdim.models.spec import ModelSource
from semdim.paths import Paths
from semdim.proxies.model_losses import model_losses
from semdim.rates import Rate, read_rates
from semdim.saes.export import export_sae
from semdim.saes.load import load_decoder, load_sae
from semdim.saes.spec import SAESource
from semdim.tokens.sample import load_tokens
from stages.support.configuration import composed
from stages.support.engine import engine_record
from stages.support.ledger import ledger_facts
from stages.support.load import load_split, open_activations
from stages.support.losses import losses_of, of_ledger
from stages.support.run import Run, Unit
from stages.support.sources import write_sources
from stages.support.timed import timed

ROOT = Path(__file__).resolve().parents[2]
MODULE = "stages.cache_activations"
N_SEQUENCES, CONTEXT = 12, 32
SAMPLE: dict[str, Any] = {
    "n_tokens": N_SEQUENCES * CONTEXT, "n_sequences": N_SEQUENCES, "n_documents": N_SEQUENCES,
    "counts": {}, "versions": {}, "documents": [],
}  # fmt: skip


def a_run(root: Path, *overrides: str, module: str = MODULE) -> Run:
    params = yaml.safe_load(composed(["experiment=smoke", "engine.shard_sequences=8", *overrides]))
    return Run(params, Unit(probe="tiny", corpus="english"), Paths(root), module)


@pytest.fixture(params=["bfloat16", "float32"])
def auto(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What ``auto`` is on this machine."""
    native = request.param == "bfloat16"
    monkeypatch.setattr(forward_dtype, "has_bfloat16", lambda device: native)
    return str(request.param)


def test_what_is_asked_for_is_what_is_recorded(auto: str) -> None:
    backend = {"backend": "transformers"}
    assert engine_record({"compute_dtype": "float32"}) == {"compute_dtype": "float32"} | backend
    assert engine_record({"compute_dtype": "auto"}) == {"compute_dtype": auto} | backend
    assert engine_record({}) == {"compute_dtype": "float32"} | backend
    assert engine_record({"backend": "transformer_lens"})["backend"] == "transformer_lens"


def test_emulated_bfloat16_is_refused_with_both_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {"bfloat16": 1.1, "float32": 106.0}
    monkeypatch.setattr(emulated, "has_bfloat16", lambda device: False)
    monkeypatch.setattr(rates, "measured_rate", lambda dtype, device: measured[dtype])
    asked = {"compute_dtype": "bfloat16", "device": "cpu"}
    sentence = (
        r"engine\.compute_dtype = 'bfloat16' is emulated by this cpu: bfloat16 runs at 1\.1 "
        r"GFLOP/s here, float32 at 106; choose float32 or auto\."
    )
    with pytest.raises(ConfigError, match=sentence) as caught:
        engine_record(asked)
    assert "\n" not in str(caught.value)
    measured["bfloat16"] = 120.0  # emulated, and no slower: not to be forbidden
    assert engine_record(asked)["compute_dtype"] == "bfloat16"


def test_native_bfloat16_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(dtype: str, device: str) -> float:
        raise AssertionError("measured for nothing")

    monkeypatch.setattr(emulated, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(rates, "measured_rate", never)
    assert engine_record({"compute_dtype": "bfloat16", "device": "cpu"})


def test_where_a_cluster_computes_this_machine_need_not_have_its_devices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    asked = {"device": "cuda", "compute_dtype": "bfloat16", "workers": "ray"}
    assert engine_record(asked)["compute_dtype"] == "bfloat16"
    with pytest.raises(ConfigError, match=r"choose float32 or bfloat16\."):
        engine_record(asked | {"compute_dtype": "auto"})


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "auto"])
def test_a_device_that_is_missing_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    run = a_run(tmp_path, "engine.device=cuda", f"engine.compute_dtype={dtype}")
    with pytest.raises(ConfigError, match=r"engine\.device=auto"):
        write_sources(run.params, run.paths)
    assert not run.paths.engine.exists()


def test_a_run_computes_in_what_check_params_wrote_down(tmp_path: Path, auto: str) -> None:
    run = a_run(tmp_path, "engine.compute_dtype=auto")
    assert run.compute_dtype == auto  # nothing is written yet
    write_sources(run.params, run.paths)
    assert json.loads(run.paths.engine.read_text())["compute_dtype"] == auto
    other = ({"bfloat16", "float32"} - {auto}).pop()
    run.paths.engine.write_text(json.dumps({"compute_dtype": other}))
    assert run.compute_dtype == other
    assert a_run(tmp_path, f"engine.compute_dtype={auto}").compute_dtype == auto


def test_shards_of_one_dtype_are_never_taken_for_the_other(tmp_path: Path, auto: str) -> None:
    """The stages' own keys, in whatever way a dtype is asked for."""

    def key(run: Run) -> str:
        writer = run.writer(tmp_path / "out", inputs=[], params=[run.compute_dtype], n_shards=1)
        return writer.key

    by_name = {
        dtype: key(a_run(tmp_path, f"engine.compute_dtype={dtype}"))
        for dtype in ("float32", "bfloat16")
    }
    assert by_name["float32"] != by_name["bfloat16"]
    assert key(a_run(tmp_path, "engine.compute_dtype=auto")) == by_name[auto]


def test_every_stage_that_computes_in_a_dtype_depends_on_what_it_is() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    by_setting = {n for n, s in stages.items() if "engine.compute_dtype" in s.get("params", ())}
    by_record = {n for n, s in stages.items() if "outputs/inputs/engine.json" in s.get("deps", ())}
    assert by_setting == by_record and "cache_activations" in by_setting
    for path in (ROOT / "stages").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        asked = re.findall(r'setting\("engine\.compute_dtype"\)', text)
        assert not asked or path.name == "run.py", f"{path}: use run.compute_dtype"


def test_every_stage_that_runs_the_model_depends_on_its_back_end() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    by_setting = {n for n, s in stages.items() if "engine.backend" in s.get("params", ())}
    by_dtype = {n for n, s in stages.items() if "engine.compute_dtype" in s.get("params", ())}
    # Answers are generated by transformers, whichever back end the rest runs on.
    assert by_setting == by_dtype - {"answer_questions"}
    assert {"cache_activations", "model_losses", "compute_losses", "write_ledger"} <= by_setting


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The tiny model, its SAE, and the tokens of one corpus."""
    run = a_run(tmp_path)
    entry = run.setting("probes")["tiny"]
    export_model(ModelSource.from_mapping(run.setting("models")["tiny"]), run.paths.model("tiny"))
    export_sae(SAESource.from_mapping(entry["sae"]), run.paths.sae("tiny"))
    rng = np.random.default_rng(0)
    ids = torch.from_numpy(rng.integers(5, 700, (N_SEQUENCES, CONTEXT)).astype(np.int32))
    tokens = run.writer(run.paths.tokens("tiny", "english"), inputs=[], params=0, n_shards=1)
    tokens.write(0, {"token_ids": ids, "document": torch.arange(N_SEQUENCES).int()})
    tokens.publish({})
    return tmp_path


def cached(run: Run) -> Artifact:
    """What cache_activations does."""
    tokens = run.paths.tokens(run.model, run.corpus)
    token_ids, _ = load_tokens(tokens)
    writer = run.writer(
        run.paths.activations(run.model, run.hook, run.corpus),
        inputs=[tokens / MANIFEST], params=[run.compute_dtype, run.backend], n_shards=2,
    )  # fmt: skip
    with timed(run, (writer, token_ids.numel())):
        cache_activations(
            load_split(run, "cpu"), token_ids, writer,
            shard_sequences=8, batch_sequences=4, update=lambda n: None,
        )  # fmt: skip
    writer.publish({"compute_dtype": run.compute_dtype, "backend": run.backend, "stored": True})
    return Artifact.open(writer.final)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_activations_have_the_dtype_that_auto_is_and_no_other_is_read(
    project: Path, dtype: str
) -> None:
    run = a_run(project, "engine.compute_dtype=auto", "engine.device=cpu")
    run.paths.engine.parent.mkdir(parents=True)
    run.paths.engine.write_text(json.dumps({"compute_dtype": dtype}))
    (record, *_) = cached(run).shards
    assert record["tensors"]["activation"]["dtype"] == dtype
    assert len(open_activations(run, "english")) == 2
    facts = ledger_facts(run, "english", SAMPLE, CONTEXT, {})
    assert facts.compute_dtype == dtype
    other = ({"bfloat16", "float32"} - {dtype}).pop()
    run.paths.engine.write_text(json.dumps({"compute_dtype": other}))
    with pytest.raises(ArtifactError, match=f"in {dtype}, but this run computes in {other}"):
        open_activations(run, "english")


def test_both_back_ends_cache_the_same_and_neither_reads_the_others(project: Path) -> None:
    runs = {
        name: a_run(project, f"engine.backend={name}", "engine.device=cpu")
        for name in ("transformer_lens", "transformers")
    }
    found, facts = {}, {}
    for name, run in runs.items():
        artifact = cached(run)
        assert artifact.facts["backend"] == name
        found[name] = torch.cat([shard["activation"] for shard in artifact])
        facts[name] = ledger_facts(run, "english", SAMPLE, CONTEXT, {}).backend
        other = next(r for other, r in runs.items() if other != name)
        with pytest.raises(ArtifactError, match=f"with {name}, but this run computes with"):
            open_activations(other, "english")
        shutil.rmtree(artifact.folder)
    assert facts == {name: name for name in runs}
    torch.testing.assert_close(*found.values(), rtol=0, atol=1e-4)


#: Rates are of the dtype alone; the rounding writes no shards, and `load_split` takes the back end;
#: answers are those of transformers whatever the back end.
UNKEYED = ("timed.py", "dependencies.py", "measure_rounding.py", "answer_questions.py")


def test_whoever_keys_by_the_dtype_keys_by_the_back_end() -> None:
    """Stages and their helpers that name one name the other; rates are told of the dtype alone."""
    for path in (ROOT / "stages").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "run.compute_dtype" in text and path.name not in UNKEYED:
            assert "run.backend" in text, path


def rates_of(run: Run) -> dict[str, Rate]:
    found = read_rates(run.paths.rates)
    assert {rate.model for rate in found.values()} <= {"tiny"}
    return {rate.stage: rate for rate in found.values()}


def test_stages_leave_their_rates_and_nothing_else_behind(project: Path) -> None:
    run = a_run(project, "engine.device=cpu")
    activations = cached(run)
    n_tokens, cost = N_SEQUENCES * CONTEXT, probe_cost(run.paths, "tiny", run.hook, "tiny")
    assert cost is not None

    encode = a_run(project, "engine.device=cpu", module="stages.encode_codes")
    writer = encode.writer(run.paths.codes("tiny", "english"), inputs=[], params={}, n_shards=2)
    decoder = load_decoder(run.paths.sae("tiny"))
    with timed(encode, (writer, n_tokens)):
        encoding = Encoding(
            load_sae(run.paths.sae("tiny")), decoder.weight, decoder.bias,
            batch_rows=64, device="cpu",
        )  # fmt: skip
        encode_codes(encoding, activations, writer, update=lambda n: None)
    writer.publish({"dict_size": cost.dict_size})

    token_ids, _ = load_tokens(run.paths.tokens("tiny", "english"))
    own = run.writer(run.paths.model_losses("tiny", "english"), inputs=[], params=0, n_shards=2)
    model_losses(
        load_split(run, "cpu"), token_ids, activations, own, batch_sequences=4,
        keeps_residual=True, update=lambda n: None,
    )  # fmt: skip
    own.publish({"processing": []})
    losses = a_run(project, "engine.device=cpu", module="stages.further_losses")
    folder = run.paths.further_losses("tiny", "english")
    some = {"topk_4": n_tokens, "random_decoder": n_tokens // 2}
    losses_of(losses, folder, list(some), lambda name, n: some[name], columns=of_ledger)
    before = run.paths.rates.read_bytes()
    losses_of(losses, folder, list(some), lambda name, n: some[name], columns=of_ledger)
    assert run.paths.rates.read_bytes() == before  # nothing was computed

    found = rates_of(run)
    counted = {stage: rate.n_tokens for stage, rate in found.items()}
    assert counted == {
        "cache_activations": n_tokens, "encode_codes": n_tokens,
        "further_losses": n_tokens + n_tokens // 2,
    }  # fmt: skip
    for stage, rate in found.items():
        gflop = rate.n_tokens * cost.flop(stage, stored=True) / 1e9
        assert rate.gflop_per_s == pytest.approx(gflop / rate.seconds)
        assert rate.compute_dtype == "float32" and rate.processor.endswith("threads")
    made = {path.name for path in project.rglob("*") if path.is_file()}
    assert "rates.json" in made
    assert not any("rates" in path.read_text() for path in project.rglob(MANIFEST))


def test_shards_of_an_earlier_run_are_not_counted(project: Path) -> None:
    run = a_run(project, "engine.device=cpu")
    writer = run.writer(project / "out", inputs=[], params=0, n_shards=2)
    writer.write(0, {"x": torch.zeros(1)})
    with timed(run, (writer, N_SEQUENCES * CONTEXT)):
        writer.write(1, {"x": torch.zeros(1)})
    # A shard of 8 sequences; the second one has but 4, which nobody knows here.
    assert rates_of(run)["cache_activations"].n_tokens == 8 * CONTEXT


def test_the_prefix_that_proxies_share_is_counted_once(project: Path) -> None:
    run = a_run(
        project, "engine.device=cpu", "engine.store_activations=false",
        module="stages.compute_losses",
    )  # fmt: skip
    cost = probe_cost(run.paths, "tiny", run.hook, "tiny")
    assert cost is not None
    writers = [
        run.writer(project / name, inputs=[], params=name, n_shards=1) for name in ("a", "b")
    ]
    with timed(run, *((writer, 8 * CONTEXT) for writer in writers)):
        for writer in writers:
            writer.write(0, {"x": torch.zeros(1)})
    rate = rates_of(run)["compute_losses"]
    flop = 8 * CONTEXT * (2 * 2 * cost.suffix + 2 * cost.prefix)
    assert rate.gflop_per_s * rate.seconds == pytest.approx(flop / 1e9)


def test_what_fails_leaves_no_rate(project: Path) -> None:
    run = a_run(project, "engine.device=cpu")
    writer = run.writer(project / "out", inputs=[], params=0, n_shards=1)
    with pytest.raises(KeyboardInterrupt), timed(run, (writer, 8 * CONTEXT)):
        writer.write(0, {"x": torch.zeros(1)})
        raise KeyboardInterrupt
    assert not run.paths.rates.exists()
