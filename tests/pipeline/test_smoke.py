"""The whole pipeline, for real: what it computes, what it does not do twice, what it refuses."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from semdim.artifacts.shards import Artifact
from semdim.bounds.quantities import smoothed_loss
from semdim.ledger.facts import LedgerFacts
from semdim.ledger.stream import LedgerStream
from semdim.ledger.table import read_ledger, read_table
from semdim.paths import CODE_COLUMNS, Paths
from semdim.tokens.sample import load_tokens
from semdim.uncertainty.activation_scores import COLUMNS
from stages.support.intact import MEMORY
from tests.kept_text import is_here
from tests.pipeline.conftest import RESULTS, Clone, contents, losses_told, stages_run

pytestmark = pytest.mark.slow

CORPORA = ("english", "python", "random")
SWEEP = ("topk_4", "topk_8")
HOOK = "blocks.1.hook_resid_post"
ABLATION = ("random_decoder", "shuffled_features", "sae_all")


@pytest.fixture(scope="module")
def paths(clone: Clone, first_run: str) -> Paths:
    return Paths(clone.root)


def sample(paths: Paths) -> tuple[pd.DataFrame, LedgerFacts]:
    """The sample's ledger with the columns that only it has."""
    further = paths.further_ledger("tiny", "english")
    return read_ledger(paths.ledger("tiny", "english"), further=further)


def test_every_stage_ran_once(first_run: str) -> None:
    ran = stages_run(first_run)
    assert len(ran) == len(set(ran))
    expected = {"check_params", "prepare_model@tiny", "fit_activations@hook0", "plot", "report"}
    expected |= {
        f"{stage}@probe0"
        for stage in (
            "prepare_sae", "order_atoms", "further_losses", "extend_ledger", "assemble_bound",
            "sweep_bound", "measure_uncertainty", "measure_rounding", "measure_errors",
            "summarise_run",
            "gather_results", "certify",
        )
    }  # fmt: skip
    for number, corpus in enumerate(CORPORA):
        expected |= {
            f"tokenize@tiny-{corpus}", f"model_losses@model0-{corpus}",
            f"gather_ledgers@probe0-corpus{number}",
        }  # fmt: skip
        at_hook = ("cache_activations", "score_activations")
        expected |= {f"{stage}@hook0-{corpus}" for stage in at_hook}
        of_probe = ("encode_codes", "compute_losses", "write_ledger")
        expected |= {f"{stage}@probe0-{corpus}" for stage in of_probe}
    assert set(ran) == expected


def test_what_comes_out(paths: Paths) -> None:
    results = paths.results("tiny")
    bounds = pd.read_csv(results / "bounds.csv")
    families = {
        "as_published", "as_published_with_gap_tail", "holdout", "srm_topk", "covering_dudley",
        "faithfulness", "risk_by_sparsity",
    }  # fmt: skip
    # Whether k has enough values for bins depends on this Python's library: else it is said.
    left_out = json.loads((results / "bound.json").read_text()).get("left_out", [])
    assert families <= {*bounds["family"], *(said.split()[0] for said in left_out)}
    assert not is_here() or not left_out
    proxies = pd.read_csv(results / "proxies.csv").set_index("proxy")
    assert set(proxies.index) == {"model", "sae", *SWEEP, *ABLATION}
    assert (proxies.loc[["model", "sae", *SWEEP], "n_sequences"] == 200).all()
    assert (proxies.loc[list(ABLATION), "n_sequences"] == 94).all(), "3,000 tokens of 32"
    assert set(pd.read_csv(results / "sparsity.csv")["corpus"]) == set(CORPORA)
    rounding = pd.read_csv(results / "rounding.csv").set_index("corpus")
    assert set(rounding.index) == set(CORPORA) and (rounding["n_sequences"] == 20).all()
    assert (rounding["run_dtype"] == "float32").all() and rounding["equal"].between(0, 1).all()
    for name in (
        "bound.json",
        "k_and_loss.json",
        "setup.json",
        "guardrail.json",
        "verdict.json",
        "sparsity.json",
        "risk_thresholds.json",
    ):
        assert json.loads((results / name).read_text())
    metrics, bound = (json.loads((results / f"{n}.json").read_text()) for n in ("metrics", "bound"))
    assert metrics["holdout"] == bound["holdout_betting_total"]
    assert set(metrics["k"]) == set(CORPORA) and set(metrics["auroc"]) == {"python", "random"}
    figures = {path.stem for path in paths.figures.glob("*.png")}
    assert "bound_surface" in figures
    assert figures == {path.stem for path in paths.figures.glob("*.svg")}
    assert list(paths.tables.glob("*.csv")) and list(paths.tables.glob("*.md"))
    page = paths.report.read_text(encoding="utf-8")
    assert "as published" in page.lower() and "http-equiv" not in page


def test_an_ablation_has_losses_where_it_was_run_and_nowhere_else(paths: Paths) -> None:
    table, facts = sample(paths)
    inside = table["position"] < facts["context"] - 1
    for proxy in ABLATION:
        there = table[f"nll_{proxy}"].notna()
        assert (there == (inside & (table["sequence"] < 94))).all()
    proxies = pd.read_csv(paths.results("tiny") / "proxies.csv").set_index("proxy")
    part = table[inside & (table["sequence"] < 94)]
    ours, spliced = (
        smoothed_loss(part[f"nll_{proxy}"].to_numpy(), 0.5, facts["vocab_size"])
        for proxy in ("model", "sae_all")
    )
    gap = (ours - spliced).mean()
    assert proxies.loc["sae_all", "signed_gap"] == pytest.approx(gap, rel=1e-5)


def test_what_only_the_sample_has_stands_in_a_table_of_its_own(paths: Paths) -> None:
    assert not paths.further_ledger("tiny", "python").exists()
    own = set(read_ledger(paths.ledger("tiny", "english"))[0])
    assert own == set(read_ledger(paths.ledger("tiny", "random"))[0])
    columns = ("nll", "kl", "top1_agrees")
    further = {f"{name}_{proxy}" for proxy in (*SWEEP, *ABLATION) for name in columns}
    further |= {"deepest_rank"}
    table, facts = sample(paths)
    assert set(table) - own == further
    assert set(facts.proxies) == {"model", "sae", *SWEEP, *ABLATION}


def test_the_ledger_agrees_with_two_full_passes(paths: Paths) -> None:
    """The paper's own procedure, through TransformerLens hooks and SAELens, one sequence a time."""
    from sae_lens import SAE

    from semdim.models.load import load_model

    ledger, facts = read_ledger(paths.ledger("tiny", "english"))
    model = load_model(paths.model("tiny"), dtype=torch.float32)
    sae = SAE.load_from_disk(paths.sae("tiny"), dtype="float32")
    token_ids, _ = load_tokens(paths.tokens("tiny", "english"))
    assert len(ledger) == token_ids.numel() and facts["context"] == token_ids.shape[1]
    for sequence in (0, 7, len(token_ids) - 1):  # the last one is in a short batch
        ids = token_ids[sequence].long()[None]

        def splice(activation: torch.Tensor, hook: object) -> torch.Tensor:
            rebuilt = sae(activation)
            rebuilt[:, 0] = activation[:, 0]
            return rebuilt

        rows = ledger[ledger["sequence"] == sequence]
        with torch.no_grad():
            passes = {
                "nll_model": model(ids),
                "nll_sae": model.run_with_hooks(ids, fwd_hooks=[(facts["hook_name"], splice)]),
            }
        for column, logits in passes.items():
            log_p = logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None]).squeeze(1)
            ours = rows[column].to_numpy()[:-1]
            assert np.abs(ours - (-log_p / math.log(2)).numpy()).max() < 1e-4, column
        _, cache = model.run_with_cache(ids, names_filter=facts["hook_name"])
        active = (sae.encode(cache[facts["hook_name"]])[0] > 0).sum(-1)
        assert rows["n_active"].to_numpy().tolist() == active.tolist()


def test_the_monitor_counts_and_judges_as_the_ledger_does(paths: Paths) -> None:
    """With the threshold that the run calibrated, on the very sequences of the run."""
    from semdim.monitor import SparsityMonitor
    from semdim.uncertainty.alarm_levels import Rule, sequence_values
    from semdim.uncertainty.rows import check_tokens

    ledger, facts = read_ledger(paths.ledger("tiny", "english"))
    tokens = check_tokens(ledger, "english")
    with SparsityMonitor.load("tiny", root=paths.root) as monitor:
        limit = monitor.threshold
        assert limit is not None
        source, moving = limit.provenance, limit.alarm.moving_length
        assert source.context == facts["context"] == monitor.watched.context
        assert source.compute_dtype == facts["compute_dtype"] == monitor.watched.compute_dtype
        rules = [Rule(own.statistic, own.n_tokens) for own in limit.limits]
        values = np.stack([sequence_values(tokens, rule, moving) for rule in rules])
        n_same = 0
        for at, (_, rows) in enumerate(list(tokens.groupby("sequence"))[:60]):
            ids = rows["token_id"].tolist()
            reading = monitor.score(monitor._tokenizer.decode(ids[1:]))
            if [token.id for token in reading.tokens] != ids:
                continue  # the sequence begins or ends within a word
            n_same += 1
            assert [token.n_active for token in reading.tokens] == rows["n_active"].tolist()
            (found,) = reading.sequences
            assert [look.value for look in found.looks] == values[:, at].tolist()
            thresholds = [own.threshold for own in limit.limits]
            assert reading.alarm == (values[:, at] > thresholds).any()
        assert n_same >= 10


def test_the_command_certifies_what_the_pipeline_does_to_the_last_bit(paths: Paths) -> None:
    from semdim.certificate.run import Request, certificate_for

    request = Request(
        model=str(paths.model("tiny")), sae=str(paths.sae("tiny")), text="english", n_tokens=6400,
        context=32, windows=4, baseline="none", check_hook=False,  # the SAE is random
    )  # fmt: skip
    found = certificate_for(request, say=lambda _: None, progress=False)[0]
    of_pipeline = json.loads((paths.results("tiny") / "certificate.json").read_text())
    of_command = json.loads(found.to_json())
    assert {number["name"] for number in of_command["numbers"]} >= {"faithfulness", "kl", "l0"}
    assert of_command == of_pipeline  # every number, interval, fingerprint and setting


def test_every_token_counts(paths: Paths) -> None:
    for corpus, n_tokens in (("english", 6400), ("python", 3200), ("random", 3200)):
        for folder in (
            paths.activations("tiny", HOOK, corpus),
            paths.model_losses("tiny", corpus),
            paths.losses("tiny", corpus) / "sae",
        ):
            shapes = [
                next(iter(shard["tensors"].values())) for shard in Artifact.open(folder).shards
            ]
            assert sum(shape["shape"][0] for shape in shapes) * 32 == n_tokens
        assert len(read_ledger(paths.ledger("tiny", corpus), ["position"])[0]) == n_tokens


def test_codes_are_sparse_on_disk(paths: Paths) -> None:
    n_active = read_ledger(paths.ledger("tiny", "english"), ["n_active"])[0]["n_active"]
    stored = sum(len(shard["atoms"]) for shard in Artifact.open(paths.codes("tiny", "english")))
    assert stored == n_active.sum()
    assert n_active.std() > 0


def test_a_second_run_does_nothing(clone: Clone, first_run: str) -> None:
    done = clone.run("dvc", "repro", env={"DVC_EXP_NAME": "smoke"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert stages_run(done.stdout) == ["check_params"]


def test_params_that_are_not_the_composition_stop_a_plain_run(clone: Clone, first_run: str) -> None:
    done = clone.run("dvc", "repro")
    assert done.returncode != 0
    assert "python -m stages.check_params --write" in done.stderr


def test_failure_prob_reruns_the_bounds_and_what_follows(fresh: Clone, first_run: str) -> None:
    output = fresh.experiment("-S", "bound.failure_prob=0.01", *RESULTS)
    changed = ["assemble_bound", "sweep_bound", "certify", "summarise_run", "gather_results"]
    of_probe = [f"{name}@probe0" for name in changed]
    assert sorted(stages_run(output)) == sorted(["check_params", *of_probe])
    results = Paths(fresh.root).results("tiny")
    assert set(pd.read_csv(results / "bounds.csv")["failure_prob"]) == {0.01}
    recorded = OmegaConf.load(results / "params.yaml")
    assert recorded.bound.failure_prob == 0.01 and list(recorded.models) == ["tiny"]


def test_a_setting_of_the_scores_recomputes_no_loss_and_no_bound(
    fresh: Clone, first_run: str
) -> None:
    output = fresh.experiment("-S", "uncertainty.neighbour=3", *RESULTS)
    assert set(stages_run(output)) == {
        "check_params", "fit_activations@hook0", "measure_uncertainty@probe0",
        "measure_rounding@probe0",
        "measure_errors@probe0",
        "summarise_run@probe0", "gather_results@probe0",
        *(f"score_activations@hook0-{corpus}" for corpus in CORPORA),
        *(f"gather_ledgers@probe0-corpus{number}" for number in range(len(CORPORA))),
    }  # fmt: skip


def test_scores_are_of_the_ledgers_tokens_and_fitted_on_half_the_documents(paths: Paths) -> None:
    fit = Artifact.open(paths.activation_fit("tiny", HOOK))
    fitted = set(fit.facts["fit_documents"])
    for corpus in CORPORA:
        scores, about = read_table(paths.scores("tiny", HOOK, corpus))
        assert (
            about["activation_fit"] == {k: v for k, v in fit.facts.items() if k != "refits"}
            and about["corpus"] == corpus
        )
        ledger = LedgerStream(
            paths.ledger("tiny", corpus), paths.scores("tiny", HOOK, corpus), is_ledger=False
        )
        joined = pd.concat(ledger.stretches(["is_bos", *COLUMNS]))
        assert len(joined) == len(scores)
        inside = joined[~joined["is_bos"]]
        assert np.isfinite(inside[list(COLUMNS)].to_numpy()).all()
        assert (inside["knn_distance"] >= 0).all() and inside["mahalanobis"].std() > 0
        if corpus == "english":
            assert len(fitted) == round(0.5 * ledger.facts.n_documents)
    auroc = pd.read_csv(paths.results("tiny") / "uncertainty.csv").set_index("score")["auroc"]
    assert set(COLUMNS) <= set(auroc.index) and auroc.notna().all()


def test_without_stored_activations_and_codes_everything_is_the_same(
    fresh: Clone, first_run: str
) -> None:
    """To the byte: ledgers, scores and results; on the disk, no activation and no code."""
    paths = Paths(fresh.root)

    def outcome() -> dict[str, bytes]:
        return {
            str(path.relative_to(fresh.root)): path.read_bytes()
            for folder in (
                paths.of_probe("tiny") / "ledger",
                paths.of_probe("tiny") / "further",
                paths.at_hook("tiny", HOOK) / "scores",
                paths.all_results,
            )
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "params.yaml"  # it says how they were made
        }

    before = outcome()
    unstored = ("-S", "engine.store_activations=false", "-S", "engine.store_codes=false")
    output = fresh.experiment(*unstored)
    ran = stages_run(output)
    assert {f"cache_activations@hook0-{corpus}" for corpus in CORPORA} <= set(ran)
    for corpus in CORPORA:
        for shard in Artifact.open(paths.activations("tiny", HOOK, corpus)).shards:
            assert set(shard["tensors"]) == {"norm", "is_outlier", "centred_norm"}
        assert not len(Artifact.open(paths.codes("tiny", corpus)))
        columns = Artifact.open(paths.losses("tiny", corpus) / CODE_COLUMNS)
        assert "atoms" not in columns.shards[0]["tensors"] and len(columns) == len(columns.shards)
    assert outcome() == before
    assert not [name for name in ran if name.startswith(("assemble", "measure", "plot"))]


def test_one_more_k_computes_one_proxy_and_joins_the_surface(fresh: Clone, first_run: str) -> None:
    kept = contents(Paths(fresh.root).further_losses("tiny", "english"))
    output = fresh.experiment("-S", f"grid.sweep=[{','.join(SWEEP)},topk_6]", *RESULTS)
    ran = stages_run(output)
    assert set(ran) == {
        "check_params",
        *(f"{stage}@probe0" for stage in (
            "further_losses", "extend_ledger", "assemble_bound", "sweep_bound", "summarise_run",
            "gather_results",
        )),
    }  # fmt: skip
    assert losses_told(output) == ["topk_6"]
    surface = pd.read_csv(Paths(fresh.root).results("tiny") / "surface.csv")
    assert set(surface["k"]) == {4, 6, 8}
    now = contents(Paths(fresh.root).further_losses("tiny", "english"))
    assert {name: now[name] for name in kept} == kept
    assert {name.split("/")[0] for name in set(now) - set(kept)} == {"topk_6"}


def test_experiments_can_be_queued(fresh: Clone, first_run: str) -> None:
    done = fresh.run("dvc", "exp", "run", "--queue", "-S", "experiment=smoke", "-S", "bound.k=4,8")
    assert done.returncode == 0, done.stdout + done.stderr
    status = fresh.run("dvc", "queue", "status").stdout
    assert status.count("Queued") == 2
    fresh.run("dvc", "queue", "remove", "--all")


def test_a_killed_stage_resumes_to_the_same_bytes(fresh: Clone, first_run: str) -> None:
    """Half of one proxy's shards are there when the stage starts again: the others were kept, and
    the result is what it was."""
    folder = Paths(fresh.root).further_losses("tiny", "english")
    before = contents(folder.parent)
    shutil.rmtree(folder / "topk_4")
    unit = ("unit.probe=tiny", "unit.corpus=english")
    code = (
        "import semdim.artifacts.shards as s, os, runpy, sys\n"
        "write = s.ShardWriter.write\n"
        "def dying(self, index, tensors):\n"
        "    if index == 2: os._exit(9)\n"
        "    write(self, index, tensors)\n"
        "s.ShardWriter.write = dying\n"
        f"sys.argv = ['further_losses', {', '.join(map(repr, unit))}]\n"
        "runpy.run_module('stages.further_losses', run_name='__main__', alter_sys=True)\n"
    )
    killed = fresh.run("python", "-c", code)
    assert killed.returncode == 9, killed.stderr
    assert not (folder / "topk_4").exists()
    resumed = fresh.stage("further_losses", *unit)
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming: 2 of 4 shards" in resumed.stdout
    assert losses_told(resumed.stdout) == ["topk_4"]
    assert contents(folder.parent) == before
    again = fresh.stage("further_losses", *unit)
    assert losses_told(again.stdout) == ["nothing new"]
    assert contents(folder.parent) == before


@pytest.mark.parametrize(
    ("stage", "overrides", "message"),
    [
        ("assemble_bound", ["bound.n_tokens=[99999]"], "99999"),
        ("assemble_bound", ["bound.k=3"], "topk_3"),
        ("assemble_bound", ["bound.k=abc"], "abc"),
        ("assemble_bound", ["unit.probe=gpt9"], "gpt9"),
        ("assemble_bound", ["plugins=[nowhere]"], "nowhere"),
        ("compute_losses", ["unit.corpus=english", "grid.proxy=[model,sae,topk_999]"], "999"),
        ("compute_losses", ["unit.corpus=english", "grid.proxy=[model,sae,splines]"], "splines"),
        ("further_losses", ["unit.corpus=english", "grid.sweep=[topk_4,topk_999]"], "999"),
        ("compute_losses", ["unit.corpus=german"], "german"),
        ("prepare_sae", ["probes.tiny.sae.d_in=64"], "64"),
        ("prepare_sae", ["probes.tiny.sae.hook_name=blocks.7.hook_resid_pre"], "blocks.7"),
        ("prepare_sae", ["probes.tiny.hook=blocks.0.hook_resid_post"], "reads blocks.1"),
        ("prepare_sae", ["probes.tiny.sae.model_name=another"], "another"),
        ("prepare_sae", ["tokens.context=9999"], "9999"),
    ],
)
def test_bad_input_is_one_sentence_and_loses_nothing(
    clone: Clone, first_run: str, stage: str, overrides: list[str], message: str
) -> None:
    before = _times(clone.root / "outputs")
    own = any(override.startswith("unit.probe") for override in overrides)
    done = clone.stage(stage, *overrides, *([] if own else ["unit.probe=tiny"]))
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr
    assert _times(clone.root / "outputs") == before


def _times(outputs: Path) -> dict[Path, int]:
    """When each file was changed, but the memory of what was hashed: a copy is hashed once."""
    files = (path for path in outputs.rglob("*") if path.is_file() and path.name != MEMORY.name)
    return {path: path.stat().st_mtime_ns for path in files}


def test_an_empty_corpus_is_refused(clone: Clone, first_run: str, tmp_path: Path) -> None:
    done = clone.stage(
        "tokenize", "unit.model=tiny", "unit.corpus=mine",
        f"+corpora.mine={{kind:files,role:id,n_tokens:1000,path:{tmp_path}}}",
    )  # fmt: skip
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr and "Traceback" not in done.stderr
