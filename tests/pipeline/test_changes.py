"""A change reruns what depends on it and nothing else: a role, a text, an SAE."""

import json
import shutil

import pytest

from semdim.paths import Paths
from tests.pipeline.conftest import RESULTS, Clone, stages_run

pytestmark = pytest.mark.slow

NOTES = "+corpora.notes={kind:files,path:notes,suffixes:[.txt],role:near,n_tokens:640}"
OF_NOTES = {
    "tokenize@tiny-notes", "cache_activations@hook0-notes", "model_losses@model0-notes",
    "encode_codes@probe0-notes", "compute_losses@probe0-notes", "write_ledger@probe0-notes",
    "score_activations@hook0-notes", "gather_ledgers@probe0-corpus1",
}  # fmt: skip


def test_a_role_reaches_the_study_and_no_text(fresh: Clone) -> None:
    output = fresh.experiment("-S", "corpora.python.role=near", *RESULTS)
    assert set(stages_run(output)) == {
        "check_params", "measure_uncertainty@probe0", "measure_errors@probe0",
        "summarise_run@probe0", "gather_results@probe0",
    }  # fmt: skip
    results = Paths(fresh.root).results("tiny")
    setup, verdict, guardrail = (
        json.loads((results / f"{name}.json").read_text())
        for name in ("setup", "verdict", "guardrail")
    )
    assert setup["corpora"]["python"]["role"] == "near"
    assert verdict["roles"] == {"english": "id", "python": "near", "random": "far"}
    rows = guardrail["fixed_rule"]["corpora"]
    assert {row["corpus"]: row["role"] for row in rows} == verdict["roles"]
    assert "role: near" in (results / "params.yaml").read_text()


@pytest.fixture
def notes(fresh: Clone) -> Clone:
    """Forty text files of a user in the fresh."""
    folder = fresh.root / "notes"
    folder.mkdir()
    for number in range(40):
        words = " ".join(f"word{number * position}" for position in range(1, 60))
        (folder / f"{number:02}.txt").write_text(f"Note {number}: {words}.\n")
    return fresh


def test_an_edited_text_file_reruns_its_corpus_and_no_other(notes: Clone) -> None:
    asked, end = ("-S", NOTES, "-S", "grid.corpus=[english,notes]"), "gather_ledgers@probe0-corpus1"
    assert set(stages_run(notes.experiment(*asked, end))) == {"check_params"} | OF_NOTES
    assert notes.again(end) == ["check_params"]
    (notes.root / "notes/of_no_kind.dat").write_text("not read")
    assert notes.again(end) == ["check_params"]
    edited = notes.root / "notes/03.txt"
    edited.write_text(edited.read_text().replace("word3 ", "words3 "))
    assert set(notes.again(end)) == {"check_params"} | OF_NOTES


def test_an_edited_sae_folder_reruns_prepare_sae(fresh: Clone) -> None:
    folder, conf = fresh.root / "mine/sae", fresh.root / "conf/probe/mine.yaml"
    shutil.copytree(Paths(fresh.root).sae("tiny"), folder)
    head = (fresh.root / "conf/probe/tiny.yaml").read_text().partition("    sae:")[0]
    text = head.replace("  tiny:\n", "  mine:\n")
    conf.write_text(f"{text}    sae: {{kind: folder, path: mine/sae}}\n")

    end, both = "prepare_sae@probe0", ["check_params", "prepare_sae@probe0"]
    assert stages_run(fresh.experiment("-S", "probe=[mine]", end)) == both
    assert fresh.again(end) == ["check_params"]
    (folder / "README.md").write_text("A card, which nobody reads.")
    assert fresh.again(end) == ["check_params"]
    weights = folder / "sae_weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 128  # the sign of one number
    weights.unlink()
    weights.write_bytes(bytes(content))
    assert fresh.again(end) == both
