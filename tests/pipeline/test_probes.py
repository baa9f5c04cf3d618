"""Probes as an axis: what does not depend on the SAE is computed once, however many there are."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from semdim.paths import Paths
from tests.pipeline.conftest import OTHER_PROBE, RESULTS, Clone, contents, stages_run

pytestmark = pytest.mark.slow

CORPORA = ("english", "random")
TWO = ("-S", f"grid.corpus=[{','.join(CORPORA)}]")
PROBES = ("tiny", OTHER_PROBE)
NEW_PROCESSES = (("compute_losses", "-english"), ("measure_uncertainty", ""), ("certify", ""))
OF_THE_MODEL = ("prepare_model", "tokenize", "cache_activations", "model_losses",
                "fit_activations", "score_activations")  # fmt: skip


@pytest.fixture(scope="module")
def together(clone: Clone) -> str:
    """What the run of two probes at one hook printed."""
    return clone.experiment(*TWO, "-S", f"probe=[{','.join(PROBES)}]")


def test_what_is_the_models_is_computed_once_for_all_of_its_probes(
    first_run: str, together: str
) -> None:
    ran = [*stages_run(first_run), *stages_run(together)]
    for corpus in CORPORA:
        for stage in ("cache_activations@hook0", "model_losses@model0", "score_activations@hook0"):
            assert ran.count(f"{stage}-{corpus}") == 1
    assert not [name for name in stages_run(together) if name.startswith(OF_THE_MODEL)]
    assert not [name for name in ran if "hook1" in name or "model1" in name]


def test_a_probe_computes_its_own_steps_and_joins_the_chain(together: str) -> None:
    expected = {"check_params", "plot", "report"}
    expected |= {
        f"{stage}@probe1"
        for stage in (
            "prepare_sae", "order_atoms", "further_losses", "extend_ledger", "assemble_bound",
            "sweep_bound", "measure_uncertainty", "measure_rounding", "measure_errors",
            "summarise_run", "gather_results", "certify",
        )
    }  # fmt: skip
    for at, corpus in enumerate(CORPORA):
        of_corpus = ("encode_codes", "compute_losses", "write_ledger")
        expected |= {f"{stage}@probe1-{corpus}" for stage in of_corpus}
        expected.add(f"gather_ledgers@probe1-corpus{at}")
    # The study of the first has one corpus less than in the first run.
    expected |= {
        "gather_ledgers@probe0-corpus1", "measure_uncertainty@probe0", "measure_rounding@probe0",
        "measure_errors@probe0",
        "summarise_run@probe0",
        "gather_results@probe0",
    }  # fmt: skip
    assert set(stages_run(together)) == expected


def test_probes_differ_and_stand_side_by_side(clone: Clone, together: str) -> None:
    paths = Paths(clone.root)
    assert {path.name for path in paths.all_results.iterdir()} == set(PROBES)
    mean = set()
    for name in PROBES:
        table = pd.read_csv(paths.results(name) / "sparsity.csv")
        mean.add(float(table.loc[table["corpus"] == "english", "mean"].iloc[0]))
    assert len(mean) == len(PROBES)
    page = paths.report.read_text(encoding="utf-8")
    references = (paths.tables / "table1_sparsity.csv").read_text(encoding="utf-8")
    for name in PROBES:
        assert name in page and name in references


def test_results_of_a_probe_are_those_of_a_run_alone(
    clone: Clone, copied: Callable[[], Clone], together: str
) -> None:
    """To the byte, the ledgers, too; only params.yaml says which probes a run had."""
    name, alone = PROBES[-1], copied()  # its cache knows of no other probe than tiny
    ran = stages_run(alone.experiment(*TWO, "-S", f"probe=[{name}]", *RESULTS))
    of_probe = [stage for stage in ran if "@probe0" in stage]
    assert len(of_probe) == 12 + 4 * len(CORPORA)  # none came from a cache
    assert not [stage for stage in ran if stage.startswith(OF_THE_MODEL)]

    def outcome(root: Path) -> dict[str, str]:
        paths = Paths(root)
        results = contents(paths.results(name))
        del results["params.yaml"]
        assert len(results) == 30
        for folder in ("sae", "codes", "losses", "further_losses", "ledger", "further"):
            found = contents(paths.of_probe(name) / folder)
            results |= {f"{folder}/{path}": digest for path, digest in found.items()}
        return results

    expected = outcome(clone.root)
    assert outcome(alone.root) == expected

    # These were forks of a server; a user's stages are new processes.
    again = [f"{stage}@probe0{corpus}" for stage, corpus in NEW_PROCESSES]
    done = alone.plain.run(
        "dvc", "repro", "--force", "--single-item", *again, env={"DVC_EXP_NAME": "alone"}
    )
    assert stages_run(done.stdout) == again, done.stdout + done.stderr
    assert outcome(alone.root) == expected


def test_a_probe_less_computes_nothing_again(clone: Clone, together: str) -> None:
    ran = stages_run(clone.experiment(*TWO, "-S", "probe=[tiny]"))
    assert set(ran) == {"check_params", "plot", "report"}
    page = Paths(clone.root).report.read_text(encoding="utf-8")
    assert "tiny" in page and OTHER_PROBE not in page  # whose results still lie there


def test_two_hooks_of_one_model_share_its_tokens_and_its_losses(fresh: Clone) -> None:
    """As DVC lays the stages out; nothing is run."""
    hook = "blocks.0.hook_resid_post"
    overrides = (
        "experiment=smoke", f"probe=[tiny,{OTHER_PROBE}]", f"probes.{OTHER_PROBE}.hook={hook}",
    )  # fmt: skip
    written = fresh.run("python", "-m", "stages.check_params", "--write", *overrides)
    assert written.returncode == 0, written.stderr
    listed = fresh.run("dvc", "stage", "list", "--name-only", "dvc.yaml").stdout.split()

    count = Counter(name.partition("@")[0] for name in listed)
    once = ("prepare_model",)
    by_corpus = ("tokenize", "model_losses")
    by_hook = ("prepare_sae", "fit_activations")
    by_both = ("cache_activations", "score_activations", "encode_codes", "gather_ledgers")
    for number, stages in ((1, once), (3, by_corpus), (2, by_hook), (6, by_both)):
        assert {name: count[name] for name in stages} == dict.fromkeys(stages, number)
