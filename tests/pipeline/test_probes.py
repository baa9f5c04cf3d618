"""Probes as an axis: what does not depend on the SAE is computed once, however many there are."""

import shutil
from collections import Counter

import pytest

from tests.pipeline.conftest import MORE_PROBES, Clone, stages_run

pytestmark = pytest.mark.slow

CORPORA = ("english", "random")
TWO = ("-S", f"grid.corpus=[{','.join(CORPORA)}]")
PROBES = ("tiny", *MORE_PROBES)
OF_THE_MODEL = ("prepare_model", "tokenize", "cache_activations", "model_losses",
                "fit_activations", "score_activations")  # fmt: skip


@pytest.fixture(scope="module")
def alone(clone: Clone, first_run: str, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy of the clone, and of its cache, before any probe but `tiny` was looked at."""
    folder = tmp_path_factory.mktemp("alone") / "semdim"
    shutil.copytree(clone.root, folder, symlinks=True)
    return Clone(folder)


@pytest.fixture(scope="module")
def together(clone: Clone, alone: Clone) -> str:
    """What the run of three probes at one hook printed."""
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
    for number in (1, 2):
        expected |= {
            f"{stage}@probe{number}"
            for stage in (
                "prepare_sae", "order_atoms", "further_losses", "extend_ledger", "assemble_bound",
                "sweep_bound", "measure_uncertainty", "summarise_run", "gather_results",
            )
        }  # fmt: skip
        for at, corpus in enumerate(CORPORA):
            of_corpus = ("encode_codes", "compute_losses", "write_ledger")
            expected |= {f"{stage}@probe{number}-{corpus}" for stage in of_corpus}
            expected.add(f"gather_ledgers@probe{number}-corpus{at}")
    # The study of the first has one corpus less than in the first run.
    expected |= {
        "gather_ledgers@probe0-corpus1", "measure_uncertainty@probe0", "summarise_run@probe0",
        "gather_results@probe0",
    }  # fmt: skip
    assert set(stages_run(together)) == expected


def test_two_hooks_of_one_model_share_its_tokens_and_its_losses(
    clone: Clone, first_run: str
) -> None:
    """As DVC lays the stages out; nothing is run."""
    before = (clone.root / "params.yaml").read_bytes()
    hook = "blocks.0.hook_resid_post"
    overrides = (
        "experiment=smoke", "probe=[tiny,tiny_b]", f"probes.tiny_b.hook={hook}",
        f"probes.tiny_b.sae.hook_name={hook}",
    )  # fmt: skip
    written = clone.run("python", "-m", "stages.check_params", "--write", *overrides)
    assert written.returncode == 0, written.stderr
    listed = clone.run("dvc", "stage", "list", "--name-only", "dvc.yaml").stdout.split()
    (clone.root / "params.yaml").write_bytes(before)

    count = Counter(name.partition("@")[0] for name in listed)
    once = ("prepare_model",)
    by_corpus = ("tokenize", "model_losses")
    by_hook = ("prepare_sae", "fit_activations")
    by_both = ("cache_activations", "score_activations", "encode_codes", "gather_ledgers")
    for number, stages in ((1, once), (3, by_corpus), (2, by_hook), (6, by_both)):
        assert {name: count[name] for name in stages} == dict.fromkeys(stages, number)
