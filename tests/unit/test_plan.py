"""What a plan counts, how long it thinks that takes, and when it refuses to go on."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

from semdim import estimate, rates
from semdim.commands import plan as command
from semdim.commands.app import app
from semdim.cost import FIT_PASSES, hook_cost, probe_cost
from semdim.errors import ConfigError
from semdim.estimate import EFFICIENCY, STAGE_START, estimates
from semdim.forward.emulated import refuse_emulated
from semdim.forward.spec import EngineSpec
from semdim.models.export import export_model
from semdim.paths import Paths
from semdim.plan import Step, free_bytes, other_way, steps
from semdim.rates import Rate, measured_rate, processor, read_rates, record_rate
from semdim.saes.export import export_sae
from semdim.scale.devices import DEVICES, H100
from semdim.scale.project import project
from semdim.scale.words import lines
from semdim.settings import read_settings
from stages.support.configuration import composed

HOOK = "blocks.1.hook_resid_post"
# The tiny model: three blocks, the hook point behind the second; and its SAE.
WIDTH, VOCABULARY, ATOMS = 48, 768, 128
# Tokens of english and of the two others, in whole sequences of 32; ablations run on 3,000.
ENGLISH, OTHERS, ABLATION = 6400, 6400, 3008


@pytest.fixture(scope="module")
def values() -> Any:
    return yaml.safe_load(composed(["experiment=smoke"]))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, values: Any) -> Path:
    """A project with the tiny model and its SAE, twice."""
    paths, settings = Paths(tmp_path_factory.mktemp("project")), read_settings(values)
    export_model(settings.models["tiny"], paths.model("tiny"))
    for name in ("tiny", "other"):
        export_sae(settings.probes["tiny"].sae, paths.sae(name))
    return paths.root


def total(planned: list[Step], stage: str) -> float:
    """FLOP of a stage."""
    return sum(step.gflop for step in planned if step.stage == stage) * 1e9


def test_nothing_is_planned_before_sizes_are_known(
    tmp_path: Path, exported: Path, values: Any
) -> None:
    settings, paths = read_settings(values), Paths(tmp_path)
    assert hook_cost(paths, "tiny", HOOK) is None and list(steps(settings, paths)) == []
    (tmp_path / "outputs/models").mkdir(parents=True)
    (tmp_path / "outputs/models/tiny").symlink_to(exported / "outputs/models/tiny")
    assert hook_cost(paths, "tiny", HOOK) is not None
    assert probe_cost(paths, "tiny", HOOK, "tiny") is None  # its SAE is not there yet
    assert list(steps(settings, paths)) == []


def test_a_plan_counts_what_a_token_passes_through(exported: Path, values: Any) -> None:
    settings, paths = read_settings(values), Paths(exported)
    cost = probe_cost(paths, "tiny", HOOK, "tiny")
    assert cost is not None
    block = cost.prefix // 2
    assert cost.prefix == 2 * block and cost.suffix == block + VOCABULARY * WIDTH
    source = settings.models["tiny"]
    assert source.d_model == cost.d_model == WIDTH and source.vocab_size == VOCABULARY
    weights = load_file(next(paths.model("tiny").glob("*.safetensors")))
    assert block == sum(w.numel() for name, w in weights.items() if ".layers.0." in name)
    assert cost.dict_size == ATOMS

    planned = list(steps(settings, paths))
    assert Counter(step.stage for step in planned) == {
        "cache_activations": 3, "model_losses": 3, "encode_codes": 3, "compute_losses": 3,
        "further_losses": 5,
    }  # fmt: skip
    every = ENGLISH + OTHERS
    assert total(planned, "cache_activations") == pytest.approx(every * 2 * cost.prefix)
    assert total(planned, "model_losses") == pytest.approx(every * 2 * cost.suffix)
    assert total(planned, "encode_codes") == pytest.approx(every * 2 * WIDTH * ATOMS)
    compared = 2 * VOCABULARY * WIDTH  # the model's logits, once for the proxies of a stage
    assert cost.unembedding == VOCABULARY * WIDTH
    assert total(planned, "compute_losses") == pytest.approx(every * (2 * cost.suffix + compared))
    further = 2 * ENGLISH + 3 * ABLATION  # two k of the sweep, three ablations
    assert total(planned, "further_losses") == pytest.approx(
        further * 2 * cost.suffix + ENGLISH * compared
    )
    assert {step.n_tokens for step in planned} == {ENGLISH, OTHERS // 2, ABLATION}
    assert not any(step.is_there for step in planned)


def test_without_stored_activations_the_prefix_is_run_again(exported: Path, values: Any) -> None:
    settings, paths = read_settings(values), Paths(exported)
    planned, other = list(steps(settings, paths)), list(steps(other_way(settings), paths))
    cost = hook_cost(paths, "tiny", HOOK)
    assert cost is not None
    saved = sum(step.bytes for step in planned) - sum(step.bytes for step in other)
    every = ENGLISH + OTHERS
    # The model's final stream is kept like the activations; the scores are planned, too.
    assert saved == every * (4 * WIDTH - 9) + every * 4 * WIDTH - every * 12
    # Of every corpus: for the norms, the model's losses, the scores, the codes, the proxies; of the
    # sample also to fit the scores, and for its further proxies.
    more = sum(step.gflop for step in other) - sum(step.gflop for step in planned)
    passes = every * 5 + ENGLISH * (FIT_PASSES + 1)
    block = cost.suffix - cost.unembedding  # of the model, to have its final stream again
    again = 2 * block * (every + ENGLISH)
    assert more == pytest.approx((passes * 2 * cost.prefix + again) / 1e9)
    back = other_way(other_way(settings))
    assert back == settings and list(steps(back, paths)) == planned


def test_the_prefix_is_run_once_for_all_probes_of_a_hook(exported: Path, values: Any) -> None:
    more = {key: value for key, value in values.items() if key != "axes"}
    more["probes"] = values["probes"] | {"other": values["probes"]["tiny"]}
    more["grid"] = values["grid"] | {"probe": ["tiny", "other"]}
    planned = list(steps(read_settings(more), Paths(exported)))
    assert Counter(step.stage for step in planned) == {
        "cache_activations": 3, "model_losses": 3, "encode_codes": 6, "compute_losses": 6,
        "further_losses": 10,
    }  # fmt: skip


def test_an_order_by_ablation_is_planned(exported: Path, values: Any) -> None:
    by_ablation = values | {"bound": values["bound"] | {"pool_order": "ablation"}}
    settings, paths = read_settings(by_ablation), Paths(exported)
    cost = hook_cost(paths, "tiny", HOOK)
    assert cost is not None
    share = settings.bound.calibration_fraction
    found = total(list(steps(settings, paths)), "order_atoms")
    assert found == pytest.approx(share * ENGLISH * 4 * cost.suffix)


@pytest.mark.parametrize(
    ("dtype", "n_sequences", "context", "holds"),
    [
        ("float32", 200, 32, True),
        ("bfloat16", 200, 32, False),  # it would be computed again in the dtype of the settings
        ("float32", 100, 32, False),  # it is of fewer tokens, or of more
        ("float32", 201, 32, False),
        ("float32", 200, 16, False),
    ],
)
def test_what_was_computed_of_another_sample_or_in_another_dtype_is_not_there(
    tmp_path: Path, exported: Path, values: Any, dtype: str, n_sequences: int, context: int,
    holds: bool,
) -> None:  # fmt: skip
    settings, paths = read_settings(values), Paths(tmp_path)
    for what in ("models/tiny/export", "probes/tiny/sae"):
        (tmp_path / "outputs" / what).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "outputs" / what).symlink_to(exported / "outputs" / what)
    activations, codes = paths.activations("tiny", HOOK, "english"), paths.codes("tiny", "english")
    losses = [paths.losses("tiny", "english") / "sae", paths.model_losses("tiny", "english")]
    tensors: dict[Path, dict[str, list[int]]] = {
        activations: {"activation": [context, 48]},
        codes: {},
        **{folder: {"nll": [context - 1]} for folder in losses},
    }
    for folder, shapes in tensors.items():
        shards = [
            {
                "file": "x", "checksum": "x",
                "tensors": {name: {"shape": [n, *shape]} for name, shape in shapes.items()},
            }
            for n in (64, n_sequences - 64)
        ]  # fmt: skip
        folder.mkdir(parents=True)
        facts = {"compute_dtype": dtype} if folder == activations else {}
        content = {"schema_version": 1, "facts": facts, "shards": shards}
        (folder / "manifest.json").write_text(json.dumps(content))
    there = {step.out for step in steps(settings, paths) if step.is_there}
    assert there == (set(tensors) if holds else set())


STEP = Step("compute_losses", "tiny", "tiny · english", "sae", Path("x"), 1000, 700.0, 10, False)
RATE = Rate("compute_losses", "tiny", "float32", "this one", 1000, 7.0, 100.0)


def test_a_measured_rate_takes_the_place_of_an_estimate() -> None:
    (found,) = estimates([STEP], {}, "float32", "this one", 200.0)
    assert not found.is_measured
    assert found.seconds == pytest.approx(STAGE_START + 700 / (200 * EFFICIENCY["float32"]))
    (slower,) = estimates([STEP], {}, "float32", "this one", 100.0)
    assert slower.seconds > found.seconds
    (found,) = estimates([STEP], {RATE.key: RATE}, "float32", "this one", 200.0)
    assert found.is_measured and found.seconds == pytest.approx(STAGE_START + 7)


@pytest.mark.parametrize("other", ["stage", "model", "compute_dtype", "processor"])
def test_a_rate_of_something_else_is_not_used(other: str) -> None:
    rate = replace(RATE, **{other: "bfloat16"})
    assert not estimates([STEP], {rate.key: rate}, "float32", "this one", 200.0)[0].is_measured


def test_a_process_starts_once_for_all_of_its_proxies() -> None:
    todo = [STEP, replace(STEP, proxy="topk_4"), replace(STEP, unit="tiny · python")]
    found = estimates(todo, {RATE.key: RATE}, "float32", "this one", 200.0)
    assert [e.seconds - 7 for e in found] == pytest.approx([STAGE_START, 0, STAGE_START])


def test_rates_are_kept_by_what_they_are_of(tmp_path: Path) -> None:
    path = tmp_path / "partial" / "rates.json"
    assert read_rates(path) == {}
    record_rate(path, RATE)
    other, newer = replace(RATE, stage="encode_codes"), replace(RATE, gflop_per_s=50.0)
    record_rate(path, other)
    record_rate(path, newer)
    assert read_rates(path) == {newer.key: newer, other.key: other}


@pytest.mark.parametrize("text", ["", "[]", '{"rates": [{}]}', '{"rates": 3}'])
def test_damaged_rates_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rates.json"
    path.write_text(text)
    assert read_rates(path) == {}
    record_rate(path, RATE)
    assert list(read_rates(path)) == [RATE.key]


def test_a_rate_of_zero_is_no_rate(tmp_path: Path) -> None:
    record_rate(tmp_path / "rates.json", replace(RATE, gflop_per_s=0.0))
    assert read_rates(tmp_path / "rates.json") == {}


def test_this_machine_has_a_rate_and_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "SECONDS", 0.01)
    assert measured_rate("float32") > 0
    assert processor("cpu", 3).endswith(", 3 threads")
    assert processor("mps") == "mps"


@pytest.fixture
def plan(
    tmp_path: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """`semdim plan` in the exported project, on a machine of 100 GFLOP/s."""
    monkeypatch.chdir(exported)
    monkeypatch.setattr(rates, "measured_rate", lambda dtype, device: 100.0)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, overrides: tuple[str, ...] = (), answer: str = "") -> tuple[int, str]:
        params = tmp_path / "params.yaml"
        params.write_text(composed(["experiment=smoke", *overrides]))
        arguments = ("plan", "--params", str(params), *arguments)
        result = CliRunner().invoke(app, arguments, input=answer)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.output

    return run


def test_what_is_not_exported_is_named_beside_the_plan(
    plan: Callable[..., tuple[int, str]],
) -> None:
    both = "probe=[tiny,smollm2-135m_layer15]"
    code, output = plan(overrides=(both,))
    assert code == 0 and "cache_activations" in output
    assert "not exported yet: smollm2-135m_layer15. `dvc repro prepare_model" in output
    assert "not exported" not in plan()[1]


def test_a_plan_ends_with_a_total(plan: Any) -> None:
    code, output = plan("--budget", "1000")
    assert code == 0
    last = output.strip().splitlines()[-1]
    assert last.startswith("Total: about ") and "minutes" in last and "MB of disk to write" in last
    assert "estimated" in output and "measured on the last run" not in output


def test_a_plan_says_which_times_were_measured(
    plan: Any, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "STAGE_START", 0.0)
    name = processor("cpu")
    rate = Rate("encode_codes", "tiny", "float32", name, 1, 1.0, gflop_per_s=0.001)
    path = Paths(exported).rates
    record_rate(path, rate)
    try:
        code, output = plan()
    finally:
        path.unlink()
    rows = [line for line in output.splitlines() if "encode_codes" in line]
    assert code == 0 and len(rows) == 3
    assert all("measured on the last run" in row for row in rows)
    # 6,400 tokens, 2 x 48 x 128 each, a megaflop per second
    assert any(f"{ENGLISH * 2 * WIDTH * ATOMS / 1e6:.0f} s" in row for row in rows)
    assert sum("estimated" in line for line in output.splitlines()) == 14


def test_beyond_the_budget_a_plan_without_a_terminal_says_how_to_go_smaller(plan: Any) -> None:
    code, output = plan("--budget", "0.5")
    assert code == 1
    last = output.strip().splitlines()[-1]
    assert "exceed --budget 0.5" in last and "raise --budget" in last
    for setting in ("corpora.english.n_tokens", "corpora.python.n_tokens", "grid.sweep"):
        assert setting in last


@pytest.mark.parametrize("has_it", [True, False])
def test_bfloat16_is_advised_where_it_is_faster(
    plan: Any, monkeypatch: pytest.MonkeyPatch, has_it: bool
) -> None:
    monkeypatch.setattr("semdim.forward.dtype.has_bfloat16", lambda device: has_it)
    _, output = plan("--budget", "0.5")
    assert ("engine.compute_dtype=bfloat16" in output.strip().splitlines()[-1]) == has_it
    _, output = plan("--budget", "0.5", overrides=("engine.compute_dtype=auto",))
    assert "compute_dtype=" not in output.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tokens", "inf"), "--tokens inf is no size"),
        (("--tokens", "1e6", "--disk", "inf"), "--disk inf is no size"),
        (("--tokens", "1e6", "--budget", "5"), "leave out --tokens"),
        (("--disk", "3"), "give --tokens, too"),
        (("--gpus", "3"), "give --tokens, too"),
    ],
)
def test_options_of_another_size_are_finite_and_used(
    plan: Any, options: tuple[str, ...], said: str
) -> None:
    code, output = plan(*options)
    assert code == 1 and said in output and "Traceback" not in output


def test_a_plan_refuses_a_dtype_that_is_emulated(
    plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semdim.forward.emulated.has_bfloat16", lambda device: False)
    rates = {"bfloat16": 1.1, "float32": 106.0}
    monkeypatch.setattr("semdim.rates.measured_rate", lambda dtype, device: rates[dtype])
    code, output = plan(overrides=("engine.compute_dtype=bfloat16", "engine.device=cpu"))
    assert code == 1 and "1.1 GFLOP/s here, float32 at 106" in output
    with_cluster = EngineSpec(compute_dtype="bfloat16", device="cpu", workers="ray")
    refuse_emulated(with_cluster)  # it computes elsewhere


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_beyond_the_budget_a_plan_asks_on_a_terminal(
    plan: Any, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr(command, "on_a_terminal", lambda: True)
    found, output = plan("--budget", "0.5", answer=answer)
    assert found == code and "continue? [y/N]" in output
    assert ("make it smaller with" in output) == (code == 1)


def test_a_disk_that_is_too_small_is_refused_with_both_numbers(
    plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=2_000_000))
    code, output = plan()
    last = output.strip().splitlines()[-1]
    assert code == 1 and "2 MB are free" in last and "n_tokens" in last
    (written,) = [line for line in output.splitlines() if line.startswith("Total")]
    assert last.split("writes ")[1].split(",")[0] in written


def test_what_is_free_is_asked_of_the_disk_that_outputs_will_be_on(tmp_path: Path) -> None:
    assert free_bytes(Paths(tmp_path / "not" / "yet")) > 0


def test_a_device_that_is_missing_is_one_sentence(
    plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, output = plan(overrides=("engine.device=cuda",))
    assert code == 1 and "engine.device=auto" in output


def test_a_plan_at_scale_is_the_configured_run_made_larger(exported: Path, values: Any) -> None:
    settings, paths = read_settings(values), Paths(exported)
    sample = settings.corpora[settings.grid.sample].n_tokens
    found, larger = (
        project(settings, paths, n_tokens=n, n_gpus=8, disk_bytes=10**12)
        for n in (sample, 10**6 * 128)
    )
    expected = sum(step.gflop for step in steps(settings, paths))
    assert sum(artifact.gflop for artifact in found.artifacts) == pytest.approx(expected)
    assert larger.flop_per_token == pytest.approx(found.flop_per_token)
    assert larger.proxy.gflop == pytest.approx(found.proxy.gflop * 10**6 * 128 / sample, rel=0.02)
    assert larger.n_tokens_stored < larger.n_tokens_unstored < larger.n_tokens_at_all
    by_name = {each.device.name: each for each in larger.hours}
    assert by_name[H100].hours == by_name[H100].gpu_hours / 8
    text = "\n".join(lines(larger))
    assert "128,000,000 tokens" in text and "hours on 8" in text and "One more probe" in text
    assert text.count("a guess") == len(DEVICES) - 1


def test_a_plan_at_scale_is_printed(plan: Any) -> None:
    code, output = plan("--tokens", "1e9", "--gpus", "8", "--disk", "0.001")
    assert code == 0 and "1,000,000,000 tokens of the sample" in output
    assert "this run does not fit either way" in output
    assert "this run may store them" in plan("--tokens", "1e9", "--disk", "9000")[1]


def test_a_plan_at_scale_needs_an_exported_model(tmp_path: Path, values: Any) -> None:
    with pytest.raises(ConfigError, match="prepare_model prepare_sae"):
        project(read_settings(values), Paths(tmp_path), n_tokens=10**6, n_gpus=1, disk_bytes=1)
