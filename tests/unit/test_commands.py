"""The command line and the package: light to start, one sentence for a mistake."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semdim.commands.app import app
from semdim.paths import Paths
from semdim.plan import Step, other_way, probe_cost, seconds, steps
from semdim.settings import read_settings
from stages.support.configuration import composed

HEAVY = ("torch", "pandas", "scipy", "matplotlib", "sklearn", "transformers", "transformer_lens")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output + result.stderr


@pytest.mark.parametrize("module", ["semdim", "semdim.commands.app", "semdim.settings"])
def test_importing_is_light(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_the_commands() -> None:
    code, output = run("--help")
    assert code == 0
    for command in ("bound", "monitor", "plan", "summary"):
        assert command in output


def test_a_summary_without_results_says_what_to_do(tmp_path: Path) -> None:
    code, output = run("summary", str(tmp_path))
    assert code == 1 and "make repro" in output


def test_a_summary_tells_the_numbers_of_every_probe(tmp_path: Path) -> None:
    for name, crossing in (("a", 23885.7), ("b", None)):
        folder = tmp_path / "probes" / name
        folder.mkdir(parents=True)
        (folder / "bounds.csv").write_text("family,failure_prob\nholdout,0.05\n")
        numbers = {
            "as_published_crossing_n_tokens": crossing,
            "baseline": 15.58,
            "as_published_total": 11.25,
            "n_tokens": 99968,
            "holdout_betting_total": 6.0,
            "faithfulness_sae_total": 0.25,
        }
        (folder / "bound.json").write_text(json.dumps(numbers))
    code, output = run("summary", str(tmp_path))
    assert code == 0
    assert "from N = 23,886 tokens on" in output and "never" in output and "95%" in output


def test_a_plan_without_params_says_what_to_do(tmp_path: Path) -> None:
    code, output = run("plan", "--params", str(tmp_path / "none.yaml"))
    assert code == 1 and "make params" in output


def test_a_plan_with_impossible_params_names_the_value(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(composed(["splice=sideways"]))
    code, output = run("plan", "--params", str(path))
    assert code == 1 and "sideways" in output


def test_a_plan_counts_what_a_token_passes_through(tmp_path: Path) -> None:
    import yaml

    from semdim.models.export import export_model
    from semdim.saes.export import export_sae

    settings = read_settings(yaml.safe_load(composed(["experiment=smoke"])))
    paths = Paths(tmp_path)
    assert probe_cost(paths, "tiny", "tiny") is None and list(steps(settings, paths)) == []
    export_model(settings.models["tiny"], paths.model("tiny"))
    assert probe_cost(paths, "tiny", "tiny") is None  # its SAE is not there yet
    export_sae(settings.probes["tiny"].sae, paths.sae("tiny"))
    cost = probe_cost(paths, "tiny", "tiny")
    assert cost is not None
    # Three equal blocks, the hook point behind the second: the suffix is one block and V x d.
    assert cost.suffix - 768 * 48 == cost.prefix // 2
    planned = list(steps(settings, paths))
    # 3 corpora x (activations, model, codes, sae) and the sample's five further proxies
    assert len(planned) == 3 * 4 + 5
    # 3,008: the ablations are run on 3,000 tokens, in whole sequences
    assert {step.n_tokens for step in planned} == {6400, 3200, 3008}
    assert not any(step.is_there for step in planned)

    # Without stored activations: norms instead, and the prefix of every corpus five times more
    # (norms, the model's losses, scores, codes, losses), of the sample ten times more (four passes
    # fit the scores, one is for the further losses).
    other = list(steps(other_way(settings), paths))
    saved = sum(step.bytes for step in planned) - sum(step.bytes for step in other)
    assert saved == 12_800 * (4 * 48 - 9) - 12_800 * 12  # the scores are planned, too
    more = sum(step.gflop for step in other) - sum(step.gflop for step in planned)
    assert more == pytest.approx((12_800 * 5 + 6_400 * 5) * 2 * cost.prefix / 1e9)
    back = other_way(other_way(settings))
    assert back == settings and list(steps(back, paths)) == planned


def test_a_plan_runs_the_prefix_once_for_all_probes_of_a_hook(tmp_path: Path) -> None:
    import yaml

    from semdim.models.export import export_model
    from semdim.saes.export import export_sae

    values = yaml.safe_load(composed(["experiment=smoke"]))
    values.pop("axes")
    values["probes"]["other"] = values["probes"]["tiny"]
    values["grid"]["probe"] = ["tiny", "other"]
    settings, paths = read_settings(values), Paths(tmp_path)
    export_model(settings.models["tiny"], paths.model("tiny"))
    for name in settings.grid.probe:
        export_sae(settings.probes[name].sae, paths.sae(name))
    stages = [step.stage for step in steps(settings, paths)]
    assert {name: stages.count(name) for name in stages} == {
        "cache_activations": 3, "model_losses": 3, "encode_codes": 6, "compute_losses": 6,
        "further_losses": 10,
    }  # fmt: skip


def test_a_step_takes_longer_on_a_slower_machine() -> None:
    step = Step("compute_losses", "x", Path("x"), 1000, 5000.0, 10, False)
    assert seconds(step, 100.0, "float32") > seconds(step, 200.0, "float32") > 0
