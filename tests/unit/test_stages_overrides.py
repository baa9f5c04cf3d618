"""What a stage does not read cannot be set on its command line."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from semdim.errors import ArtifactError, ConfigError
from stages import ROOT
from stages.support.ledger import ledger_facts
from stages.support.overrides import refuse_unread

ENGINE = {"compute_dtype": "float32", "backend": "transformers"}


@pytest.mark.parametrize(
    "key",
    [
        "splice", "seed", "engine.compute_dtype", "engine.backend", "tokens.context",
        "corpora.english.n_tokens", "grid.kl_smoothing", "probes.tiny.sae.dict_size",
        "+splice", "~splice",
    ],
)  # fmt: skip
def test_a_bound_of_a_setting_that_was_never_applied_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="assemble_bound does not read") as refused:
        refuse_unread("stages.assemble_bound", ["unit.probe", key], ROOT)
    assert key.lstrip("+~") in str(refused.value) and "dvc exp run -S" in str(refused.value)


@pytest.mark.parametrize(
    ("module", "key"),
    [
        ("stages.assemble_bound", "bound.k"),
        ("stages.assemble_bound", "bound"),
        ("stages.assemble_bound", "+bound.n_tokens"),
        ("stages.assemble_bound", "grid"),  # a section that it reads a part of
        ("stages.assemble_bound", "hydra/launcher"),
        ("stages.assemble_bound", "hydra.launcher.n_jobs"),
        ("stages.assemble_bound", "unit.out"),
        ("stages.compute_losses", "engine.batch_sequences"),
        ("stages.compute_losses", "splice"),
        ("stages.summarise_run", "probes.tiny.sae.dict_size"),  # dvc.yaml: of each unit
        ("stages.prepare_sae", "probes.tiny.sae.d_in"),
        ("stages.prepare_model", "models.tiny.seed"),
        ("stages.tokenize", "+corpora.mine"),
        ("stages.assemble_bound", "probes.tiny.n_candidates"),
        ("stages.assemble_bound", "+corpus"),  # no setting: Hydra says what there is
        ("stages.check_params", "splice"),  # dvc.yaml says nothing of its settings
        ("stages.of_a_plugin", "splice"),
    ],
)
def test_what_a_stage_reads_can_be_set(module: str, key: str) -> None:
    refuse_unread(module, [key], ROOT)


def test_without_a_pipeline_nothing_is_refused(tmp_path: Path) -> None:
    refuse_unread("stages.assemble_bound", ["splice"], tmp_path)


def test_a_sweep_over_such_a_setting_ends_in_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stages.assemble_bound", "-m", "unit.probe=tiny",
         "splice=no_bos,all", f"hydra.sweep.dir={tmp_path / 'sweep'}"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and not (tmp_path / "sweep").exists()
    assert done.stderr.startswith("error: assemble_bound does not read splice:")


def test_a_ledger_does_not_name_a_splice_that_its_losses_do_not_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stages.support.ledger.cached_activations", lambda run, corpus: None)
    run: Any = SimpleNamespace(setting={"splice": "all"}.__getitem__)
    losses: Any = {
        name: SimpleNamespace(folder=Path("losses") / name, facts={"splice": splice})
        for name, splice in (("model", ""), ("sae_no_bos", "no_bos"), ("sae", "no_bos"))
    }
    with pytest.raises(ArtifactError, match="losses/sae was computed with splice=no_bos, but this"):
        ledger_facts(run, "english", {}, 32, losses)


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ({"compute_dtype": "bfloat16"}, "was computed in float32, but this run computes in bfloat"),
        ({"backend": "transformer_lens"}, "was computed with transformers, but this run computes"),
    ],
)
def test_a_ledger_does_not_name_a_dtype_or_back_end_of_others(
    tmp_path: Path, ours: dict[str, str], said: str
) -> None:
    """Both are told of activations that were computed before the settings changed."""
    content = {"facts": ENGINE, "schema_version": 1, "shards": []}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    paths = SimpleNamespace(activations=lambda *names: tmp_path)
    run: Any = SimpleNamespace(paths=paths, model="m", hook="h", **(ENGINE | ours))
    with pytest.raises(ArtifactError, match=said):
        ledger_facts(run, "english", {}, 32, {})
