"""The bench: operations counted by hand, ratios within a round, a page written from results."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.contenders import Contender, Reading, Settings, build
from bench.document import BEGIN, END, document
from bench.flops import Shapes, flop_per_token, limit_seconds, products
from bench.own import losses_of, mean_n_active, tokens_to_ledger
from bench.plain import plain_ledger
from bench.speed import differences, measure, summarise
from bench.subjects import RANDOM_SHAPES, load_subject, random_ids, transformers_backend
from semdim.artifacts.folder import FolderPlace
from semdim.artifacts.memory import MemoryPlace
from semdim.errors import ArtifactError
from semdim.forward.split import SplitModel
from semdim.ledger.table import read_table

# SmolLM2-135M with 9,216 atoms behind block 15.
SMOLLM2 = Shapes(
    n_layers=30, start_layer=16, d_model=576, n_heads=9, n_key_value_heads=3, d_head=64,
    d_mlp=1536, is_gated=True, vocab_size=49_152, dict_size=9_216, n_active=65.0, context=128,
)  # fmt: skip


def test_operations_of_smollm2_by_hand() -> None:
    block = 2 * (576 * 576 + 2 * 576 * 192 + 576 * 576 + 3 * 576 * 1536)
    head = 2 * 576 * 49_152 * 127 / 128
    attention = 4 * 576 * 64.5
    blocks = 16 + 2 * 14
    by_hand = blocks * (block + attention) + 2 * head + 2 * 576 * 9_216 + 2 * 65 * 576
    assert flop_per_token(SMOLLM2) == pytest.approx(by_hand, rel=1e-12)
    assert 0.43e9 < by_hand < 0.48e9


def test_a_further_proxy_costs_one_suffix_one_head_and_one_decoding() -> None:
    extra = flop_per_token(SMOLLM2, 3) - flop_per_token(SMOLLM2, 2)
    block = 2 * (2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536) + 4 * 576 * 64.5
    assert extra == pytest.approx(14 * block + 2 * 576 * 49_152 * 127 / 128 + 2 * 65 * 576)


def test_a_plain_mlp_has_two_matrices() -> None:
    two = replace(SMOLLM2, is_gated=False)
    assert flop_per_token(SMOLLM2) - flop_per_token(two) == 44 * 2 * 576 * 1536


def test_the_limit_is_operations_over_rate() -> None:
    rates = {product.name: 2e9 for product in products(SMOLLM2)}
    assert limit_seconds(SMOLLM2, rates, 2e9) == pytest.approx(flop_per_token(SMOLLM2) / 2e9)
    rates["encoder"] = 1e9
    slower = limit_seconds(SMOLLM2, rates, 2e9)
    assert slower - flop_per_token(SMOLLM2) / 2e9 == pytest.approx(2 * 576 * 9_216 / 2e9)


def test_the_baseline_and_semdim_agree_on_a_random_shape(tmp_path: Path) -> None:
    ids = random_ids(5, 16, 768)
    plain = plain_ledger(load_subject("tiny-shape", tmp_path, torch.float32, "cpu", 16), ids)
    subject = load_subject("tiny-shape", tmp_path, torch.float32, "cpu", 16)
    split = SplitModel(subject.model, subject.hook_name)
    for is_stored in (True, False):
        folder = tmp_path / str(is_stored)
        seconds = tokens_to_ledger(
            subject, split, ids, folder, batch_sequences=2, shard_sequences=4, is_stored=is_stored
        )
        assert list(seconds) == ["prefix", "encode", "losses of model, sae", "ledger"]
        place = FolderPlace(folder)
        for proxy, losses in losses_of(place).items():
            assert differences(losses, plain[proxy])["max_absolute"] < 1e-4
        assert mean_n_active(place) == pytest.approx(plain["n_active"].mean())
    memory = MemoryPlace()
    tokens_to_ledger(
        subject, split, ids, tmp_path, batch_sequences=2, shard_sequences=4, place=memory
    )
    for proxy, losses in losses_of(FolderPlace(tmp_path / "True")).items():
        np.testing.assert_array_equal(losses_of(memory)[proxy], losses)
    assert not (tmp_path / "ledger.parquet").exists()
    assert np.abs(plain["model"] - plain["sae"]).mean() > 1e-3
    ledgers = [(tmp_path / name / "ledger.parquet").read_bytes() for name in ("True", "False")]
    assert ledgers[0] == ledgers[1]
    table, _ = read_table(tmp_path / "True" / "ledger.parquet")
    for name in (
        "max_prob",
        "energy",
        "code_norm",
        "reconstruction_norm",
        "reconstruction_error",
        "activation_norm",
    ):
        column = table[name].dropna().to_numpy()
        np.testing.assert_allclose(column, plain[name].ravel(), rtol=1e-4, err_msg=name)
    entropy = table["entropy"].dropna().to_numpy()
    np.testing.assert_allclose(entropy, plain["entropy"].ravel() / np.log(2), rtol=1e-4)


def test_random_weights_in_bfloat16_are_the_rounded_ones_in_float32(tmp_path: Path) -> None:
    models = [
        load_subject("tiny-shape", tmp_path, dtype, "cpu", 16).model
        for dtype in (torch.float32, torch.bfloat16)
    ]
    exact, rounded = (dict(model.named_parameters()) for model in models)
    for name, weight in exact.items():
        assert torch.equal(weight.bfloat16(), rounded[name]), name
    assert exact["embed.W_E"].std().item() == pytest.approx(0.8 / 48**0.5, rel=0.02)


def test_a_random_shape_is_the_same_shape_on_both_back_ends(tmp_path: Path) -> None:
    subject = load_subject("tiny-shape", tmp_path, torch.float32, "cpu", 16)
    backend, has_its_weights = transformers_backend(subject, tmp_path, torch.float32, 16)
    assert not has_its_weights and backend.name == "transformers"
    assert backend.architecture == "LlamaForCausalLM"
    config = subject.model.cfg
    assert (backend.n_layers, backend.d_model) == (config.n_layers, config.d_model)
    assert backend.vocab_size == config.d_vocab
    mlp = backend.model.model.layers[0].mlp
    assert tuple(mlp.down_proj.weight.shape) == (config.d_model, config.d_mlp)
    for shape in RANDOM_SHAPES.values():
        import transformers

        name, settings = shape.decoder
        known = getattr(transformers, f"{name}Config")(**settings)
        assert known.num_hidden_layers == shape.config["n_layers"]
        assert known.hidden_size == shape.config["d_model"]
        assert known.num_attention_heads == shape.config["n_heads"]
        assert known.vocab_size == shape.config["d_vocab"]


def test_a_contender_runs_on_the_transformers_back_end(tmp_path: Path) -> None:
    settings = Settings("tiny-shape", str(tmp_path), "cpu", 16, 2, 4)
    reading = build(Contender("transformers", "float32", 6), settings)()
    assert reading.n_tokens == 6 * 16 and not reading.losses  # its weights are its own
    assert reading.shapes is not None and reading.shapes.n_active > 0
    assert next(iter(reading.seconds)) == "prefix"


def rounds() -> tuple[list[dict[str, Reading]], list[Contender]]:
    """Two rounds of made-up readings; the machine is half as fast in the second."""
    field = [
        Contender("rate", "float32", 0),
        Contender("plain", "float32", 1),
        Contender("semdim", "float32", 2),
    ]
    rates = {product.name: 1e9 for product in products(SMOLLM2)}
    plain = {"model": np.full((1, 3), 4.0, np.float32), "sae": np.full((1, 3), 5.0, np.float32)}
    ours = {
        "model": np.concatenate([plain["model"] + 0.5, np.full((1, 3), 9.0, np.float32)]),
        "sae": np.concatenate([plain["sae"], plain["sae"]]),
    }
    found = []
    for slow in (1.0, 2.0):
        found.append(
            {
                "rate float32": Reading(
                    0, {"all": 1.0}, facts={k: v / slow for k, v in rates.items()}
                ),
                "plain float32": Reading(4, {"all": 8.0 * slow}, plain),
                "semdim float32": Reading(
                    8, {"prefix": 3.0 * slow, "encode": 1.0 * slow}, ours, shapes=SMOLLM2
                ),
            }
        )
    return found, field


def test_ratios_are_formed_within_a_round() -> None:
    result = summarise(*rounds())
    ours = result["contenders"]["semdim float32"]
    assert ours["ratio_to_plain"] == {"min": 4.0, "median": 4.0, "max": 4.0}
    assert ours["tokens_per_second"] == {"min": 1.0, "median": 1.5, "max": 2.0}
    limit = 1e9 / flop_per_token(SMOLLM2)
    for value in ours["fraction_of_limit"].values():
        assert value == pytest.approx(2.0 / limit)
    assert result["gflop_per_second"]["float32"]["max"] == pytest.approx(1.0)
    steps = ours["microseconds_per_token"]
    assert steps["prefix"]["min"] == pytest.approx(3e6 / 8)
    assert ours["bits_from_plain"]["model"] == {
        "n_tokens": 3.0, "mean": 0.5, "mean_absolute": 0.5, "max_absolute": 0.5,
    }  # fmt: skip


def test_the_page_holds_what_was_measured_and_keeps_the_rest(tmp_path: Path) -> None:
    page, folder = tmp_path / "performance.md", tmp_path / "performance"
    rates = {product.name: 1e9 for product in products(SMOLLM2)}
    folder.mkdir()
    with pytest.raises(ArtifactError, match="python -m bench"):
        document(folder, page)
    result = {
        "probe": "made-up",
        "machine": {"device": "a machine", "n_threads": 2, "n_cores": 2, "versions": {"a": "0"}},
        "speed": {"context": 128, "batch_sequences": 16, **summarise(*rounds())},
        "memory": {
            "model": "m", "dtype": "float32", "ratio_of_last_two": 1.0125,
            "sizes": [{"n_tokens": 1000, "peak_bytes": 2e9, "peak_bytes_when_loaded": 1e9}],
        },
        "cached": {
            "n_tokens": 5000,
            **{
                f"{name}_milliseconds": {"min": 1.0, "median": 2.0, "max": 3.0}
                for name in ("point", "extra_n", "extra_k")
            },
        },
    }  # fmt: skip
    (folder / "made-up_cpu.json").write_text(json.dumps(result))
    with pytest.raises(ArtifactError, match="measured: begin"):
        document(folder, page)
    page.write_text(f"# Title\n\nBefore.\n\n{BEGIN}\nold numbers\n{END}\n\nAfter.\n")
    document(folder, page)
    text = page.read_text()
    assert text.startswith("# Title\n\nBefore.") and text.endswith("After.\n")
    assert "old numbers" not in text
    headroom = f"{1 / limit_seconds(SMOLLM2, rates, 1e9) / 0.5:.1f} (float32)"
    for shown in (
        "4.00 – 4.00 – 4.00", headroom, "1.012", "2,000 MB", "made-up on a machine", "1.0 – 2.0",
    ):  # fmt: skip
        assert shown in text
    assert (folder / "made-up_cpu.png").exists() and (folder / "made-up_cpu.svg").exists()
    document(folder, page)
    assert page.read_text() == text


def test_saelens_is_left_out_where_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, field = rounds()
    field = [*field, Contender("saelens", "float32", 1)]

    class Made:
        def __init__(self, contender: Contender, settings: Settings) -> None:
            self.contender = contender
            self.turns = iter([turns[0], *turns])

        def run(self) -> Reading:
            if self.contender.kind == "saelens":
                raise RuntimeError("saelens float32 failed")
            return next(self.turns)[self.contender.name]

        def __enter__(self) -> "Made":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr("bench.speed.Worker", Made)
    said: list[str] = []
    result = measure(field, Settings("made-up", ".", "cpu", 128, 1, 1), 2, said.append)
    assert set(result["contenders"]) == {"plain float32", "semdim float32"}
    assert any("left out" in line for line in said)


def test_a_run_on_a_gpu_names_the_processor_and_the_memory_of_the_device(tmp_path: Path) -> None:
    page, folder = tmp_path / "performance.md", tmp_path / "performance"
    folder.mkdir()
    page.write_text(f"{BEGIN}\n{END}\n")
    turns, field = rounds()
    for turn in turns:
        turn["semdim float32"].device_peak_bytes = 3 * 10**9
        turn["semdim float32"].seconds = {"prefix": 8e-6, "encode": 4e-6}
    machine = {
        "device": "a GPU", "device_kind": "cuda", "processor": "a processor", "n_threads": 2,
        "n_cores": 2, "versions": {},
    }  # fmt: skip
    speed = {"context": 128, "batch_sequences": 16, **summarise(turns, field)}
    result = {"model": "made-up", "machine": machine, "speed": speed}
    (folder / "made-up_cuda.json").write_text(json.dumps(result))
    text = document(folder, page).read_text()
    assert "made-up on a GPU" in text and "\na processor, 2 threads of 2 cores" in text
    assert "including the model: transformer_lens float32 3.0 GB." in text
    assert "| prefix | 1.00 – 1.00 – 1.00 |" in text  # microseconds, with decimals when few


def test_the_table_of_commands_is_written_between_its_marks(tmp_path: Path) -> None:
    from bench import commands

    found = commands.Taken("semdim verify", "a certificate", 1.25, 2.5, 3_000_000_000)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{commands.BEGIN}\nold\n{commands.END}\nafter\n")
    content = {"machine": "two threads.", "commands": [vars(found)]}
    (tmp_path / "cpu.json").write_text(json.dumps(content))
    commands.document(tmp_path, page)
    text = page.read_text()
    assert "| `verify` | a certificate | 1.2 | 2.5 | 3.0 |" in text and "old" not in text
    assert text.startswith("before\n") and text.endswith("after\n")
    page.write_text("no marks")
    with pytest.raises(ArtifactError, match="in order"):
        commands.document(tmp_path, page)
    with pytest.raises(ArtifactError, match=r"semdim verify failed: .* one ledger"):
        commands.taken("x", "y", "verify", str(tmp_path / "none"), "--ledger", str(tmp_path))


def test_the_table_of_workers_is_that_of_its_record() -> None:
    from bench import workers

    record = {
        "machine": "M", "load": 0.1, "ray": "2", "n_shards": 3,
        "turns": [
            {"kind": kind, "seconds": seconds}
            for kind, seconds in zip((*workers.KINDS, *reversed(workers.KINDS)),
                                     (100.0, 104.0, 98.0, 102.0, 106.0, 100.0), strict=True)
        ],
    }  # fmt: skip
    rows = workers.table(record).splitlines()[-3:]
    assert [row.split(" | ")[1:] for row in rows] == [
        ["100.0 and 100.0", "+0.0%", "1.00 |"],
        ["104.0 and 106.0", "+5.0%", "0.95 |"],
        ["98.0 and 102.0", "+0.0%", "1.00 |"],
    ]
    page = workers.PAGE.read_text(encoding="utf-8")
    assert workers.table(json.loads(workers.RECORD.read_text(encoding="utf-8"))) in page
