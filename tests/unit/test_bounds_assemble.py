"""All families of one sample, their summary, and the command line that explains them."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from semdim.bounds.aggregate import sequence_losses
from semdim.bounds.assemble import assemble, assemble_all, assemble_ledger
from semdim.bounds.families.as_published import crossing
from semdim.bounds.family import BoundFacts, needed_proxies
from semdim.bounds.result import Bound
from semdim.bounds.spec import BoundSpec
from semdim.bounds.summary import curve_name, curves, first_non_vacuous, headline
from semdim.commands.bound import bound as bound_command
from semdim.commands.refusal import command
from semdim.errors import ConfigError, DataError

CONTEXT, N_SEQUENCES, N_DOCUMENTS = 16, 600, 250
FACTS = BoundFacts(vocab_size=5000, dict_size=512)
SPEC = BoundSpec(n_tokens=(1600, 4800, 9600), topk_grid=(8, 16), pool_sizes=(64, 256))


@pytest.fixture(scope="module")
def ledger() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    document = np.concatenate([np.arange(N_DOCUMENTS), np.arange(N_DOCUMENTS), np.arange(100)])
    rows = N_SEQUENCES * CONTEXT
    model = rng.gamma(6.0, 0.7, rows)
    columns = {"model": model}
    for name, size in (("sae", 0.3), ("topk_8", 1.0), ("topk_16", 0.6)):
        columns[name] = np.abs(model + rng.normal(0.1, size, rows))
    for name, size in (("pool_64", 0.9), ("pool_256", 0.4)):
        columns[name] = np.abs(model + rng.normal(0.2, size, rows))
    frame = pd.DataFrame(
        {
            "document": np.repeat(document, CONTEXT),
            "sequence": np.repeat(np.arange(N_SEQUENCES), CONTEXT),
            "position": np.tile(np.arange(CONTEXT), N_SEQUENCES),
            "n_active": rng.integers(10, 60, rows),
        }
    )
    frame["is_bos"] = frame["position"] == 0
    for name, nll in columns.items():
        nll[CONTEXT - 1 :: CONTEXT] = np.nan
        frame[f"nll_{name}"] = nll.astype(np.float32)
    return frame


@pytest.fixture(scope="module")
def max_rank() -> np.ndarray:
    return np.random.default_rng(1).integers(30, 300, N_SEQUENCES)


@pytest.fixture(scope="module")
def bounds(ledger: pd.DataFrame, max_rank: np.ndarray) -> list[Bound]:
    return assemble_ledger(ledger, FACTS, SPEC, max_rank=max_rank)


def test_every_family_is_there(bounds: list[Bound]) -> None:
    families = {bound.family for bound in bounds}
    assert families == {
        "as_published",
        "as_published_with_gap_tail",
        "srm_topk",
        "srm_topk_frontier",
        "holdout",
        "covering_dudley",
        "pool_split",
        "pool_occam",
        "occam_pool",
        "faithfulness",
        "faithfulness_tokens",
        "faithfulness_quantile",
        "risk_by_sparsity",
        "token_martingale",
    }
    for bound in bounds:
        paper = bound.family in ("as_published", "as_published_with_gap_tail", "covering_dudley")
        assert bound.is_certificate is not paper
        by_token = paper or bound.family == "token_martingale"
        assert bound.size.unit == ("token" if by_token else "document")
        assert (bound.dependence == "martingale") is (bound.family == "token_martingale")
        assert bound.assumptions and bound.source


def test_by_hoeffding_no_certificate_of_the_proxy_kind_is_below_holdout(
    ledger: pd.DataFrame, max_rank: np.ndarray
) -> None:
    """A theorem, at every N and α; what is measured is never smaller, by any method."""
    spec = replace(SPEC, method="hoeffding")
    bounds = assemble_ledger(ledger, FACTS, spec, max_rank=max_rank)
    reference = {
        (bound.size.n_tokens_asked, bound.smoothing): bound
        for bound in bounds
        if bound.family == "holdout" and bound.method == "hoeffding"
    }
    checked = [b for b in bounds if b.family in ("srm_topk_frontier", "pool_occam")]
    assert len(checked) == (3 + 5) * (3 + 2)
    for bound in checked:
        own = reference[bound.size.n_tokens_asked, bound.smoothing]
        assert bound.total >= own.total and bound.proxy_risk + bound.gap >= own.proxy_risk


def test_published_is_the_papers_reading(ledger: pd.DataFrame, bounds: list[Bound]) -> None:
    """Eq. 17 and 21 written out again, from the ledger's columns alone."""
    last = curves(bounds)["as_published", 0.5][-1]
    assert last.size.n_tokens == 9600 and last.size.n_sequences == 600
    smoothed = {
        name: -np.log2(0.5 * np.exp2(-ledger[f"nll_{name}"].to_numpy(float)) + 0.5 / 5000)
        for name in ("model", "sae")
    }
    by_sequence = {
        name: np.nanmean(values.reshape(N_SEQUENCES, CONTEXT), axis=1)
        for name, values in smoothed.items()
    }
    assert last.proxy_risk == pytest.approx(by_sequence["sae"].mean(), rel=1e-12)
    gap = np.abs(by_sequence["model"] - by_sequence["sae"]).mean()
    assert last.gap == pytest.approx(gap, rel=1e-12)
    k = ledger.loc[ledger["position"] > 0, "n_active"].mean()
    assert last.k == pytest.approx(k, rel=1e-12)
    ceiling = math.log2(5000 / 0.5)
    complexity = 4 * ceiling * math.sqrt(k * math.log(math.e * 512 / k) / 9600)
    tail = ceiling * math.sqrt(math.log(math.pi**2 * k**2 / (6 * 0.05)) / (2 * 9600))
    assert last.complexity == pytest.approx(complexity, rel=1e-12)
    assert last.tail == pytest.approx(tail, rel=1e-12)
    assert last.total == pytest.approx(
        by_sequence["sae"].mean() + gap + complexity + tail, rel=1e-12
    )


def test_selection_is_paid_for_in_the_ledger(bounds: list[Bound]) -> None:
    at_main = [b for b in bounds if b.smoothing == 0.5]
    spent = {curve_name(b): b.budget.spent for b in at_main if b.size.n_tokens_asked == 9600}
    # half of δ is for the main α, three quarters of that for the largest N
    assert spent["holdout_betting"] == pytest.approx(0.05 * 0.375)
    assert spent["holdout_betting_sequence"] == pytest.approx(0.025)  # valid at every N
    assert spent["srm_topk"] == pytest.approx(0.05 * 0.375)
    assert spent["srm_topk_frontier_8"] == pytest.approx(0.05 * 0.375 / 3)  # 8, 16, whole SAE
    assert spent["occam_pool_64"] == pytest.approx(0.05 * 0.375 / 2)
    assert spent["faithfulness_sae"] == pytest.approx(0.05 * 0.75)  # at no other α
    other = {curve_name(b): b.budget.spent for b in bounds if b.smoothing == 0.02}
    assert other["holdout_betting"] == pytest.approx(0.05 * 0.1)
    assert "as_published" not in other and "faithfulness_sae" not in other
    assert {b.family for b in bounds if b.valid_for_all_n} == {"holdout"}


def test_calibration_documents_are_not_in_the_sample_of_what_they_fixed(
    bounds: list[Bound],
) -> None:
    last = [b for b in bounds if b.size.n_documents is not None and b.pool_size == 64]
    split = [b for b in last if b.family == "pool_split"][-1]
    occam = [b for b in last if b.family == "pool_occam"][-1]
    assert split.size.n_documents < occam.size.n_documents == N_DOCUMENTS
    bins = [b for b in bounds if b.family == "risk_by_sparsity"]
    assert sum(b.n_units for b in bins) == split.size.n_documents


def test_a_point_computed_alone_equals_the_grids_point(
    ledger: pd.DataFrame, max_rank: np.ndarray, bounds: list[Bound]
) -> None:
    alone = replace(SPEC, n_tokens=(4800,), declared_n_tokens=SPEC.n_tokens)
    rows = [b.to_row() for b in assemble_ledger(ledger, FACTS, alone, max_rank=max_rank)]
    expected = [b for b in bounds if b.size.n_tokens_asked == 4800]
    assert rows == [b.to_row() for b in expected]


def test_units_and_grids_of_alpha(ledger: pd.DataFrame, max_rank: np.ndarray) -> None:
    spec = BoundSpec(n_tokens=(4800, 9600), topk_grid=(), smoothing_grid=(0.1,), unit="sequence")
    spec = replace(spec, smoothing_grid_at="every", smoothing_weight=None, n_weight=None)
    found = assemble_ledger(ledger, FACTS, spec)
    assert {b.smoothing for b in found} == {0.5, 0.1}
    certificates = {b.family for b in found if b.is_certificate}
    assert certificates == {"token_martingale"}  # documents have several sequences here
    holdouts = [b for b in found if b.family == "holdout" and b.method == "betting"]
    assert all(b.budget.spent == pytest.approx(0.05 / 4) for b in holdouts)
    token = BoundSpec(n_tokens=(4800,), topk_grid=(8,), unit="token")
    by_token = assemble_ledger(ledger, FACTS, token)
    assert {b.family for b in by_token if b.is_certificate} == {"token_martingale"}
    holdout = next(b for b in by_token if b.family == "holdout")
    assert holdout.size.n_units == 250 * (CONTEXT - 1)  # two windows of half of the documents


def test_k_as_a_point_uses_that_proxy(ledger: pd.DataFrame) -> None:
    found = assemble_ledger(ledger, FACTS, BoundSpec(n_tokens=(4800,), topk_grid=(), k=16))
    published = next(b for b in found if b.family == "as_published")
    assert published.k == 16 and published.proxy == "topk_16"
    assert {b.proxy for b in found if b.family == "faithfulness"} == {"sae", "topk_16"}


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (BoundSpec(n_tokens=(9_601 + 16,), topk_grid=()), DataError, "holds 9600 tokens"),
        (BoundSpec(n_tokens=(16,), topk_grid=()), DataError, "covers 0 of the documents"),
        (
            BoundSpec(n_tokens=(4800,), topk_grid=(), windows_per_document=3),
            DataError,
            r"windows_per_document = 3, but the sample ends within round 3, so that some",
        ),
        (
            BoundSpec(n_tokens=(4800,), topk_grid=(), windows_per_document=4),
            DataError,
            "no document of the sample has more than 3; set 2 or less",
        ),
        (BoundSpec(n_tokens=(4800,), topk_grid=(8, 64)), ConfigError, "Add topk_64 to grid.sweep"),
        (
            BoundSpec(n_tokens=(4800,), topk_grid=(64,), pool_sizes=(64, 128)),
            ConfigError,
            "Add pool_128 to grid.pool and topk_64 to grid.sweep",
        ),
        (
            BoundSpec(n_tokens=(4800,), topk_grid=(), pool_sizes=(64,)),
            ConfigError,
            "largest atom rank",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused(
    ledger: pd.DataFrame, spec: BoundSpec, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        assemble_ledger(ledger, FACTS, spec)


def test_what_one_family_cannot_have_leaves_the_others_in_peace(
    ledger: pd.DataFrame, bounds: list[Bound]
) -> None:
    constant = ledger.assign(n_active=32)
    spec = BoundSpec(n_tokens=(1600, 9600), topk_grid=(8, 16), smoothing_grid=(0.1,))
    found = assemble_all(constant, FACTS, spec)
    assert [(entry.family, entry.n_tokens, entry.smoothing) for entry in found.left_out] == [
        ("risk_by_sparsity", 9600, 0.5),
    ]
    assert "is k constant?" in found.left_out[0].reason
    assert "risk_by_sparsity at N = 9600, α = 0.5: 4 bins" in str(found.left_out[0])
    without = assemble_all(constant, FACTS, replace(spec, sparsity_bins=0))
    assert found.bounds == without.bounds and without.left_out == ()
    with pytest.raises(DataError, match="risk_by_sparsity at N = 9600"):
        assemble_ledger(constant, FACTS, spec)


def test_a_ledger_without_codes_has_the_families_that_need_none(ledger: pd.DataFrame) -> None:
    spec = BoundSpec(n_tokens=(1600, 9600), topk_grid=(8,))
    found = assemble_all(ledger.drop(columns="n_active"), FACTS, spec)
    assert {entry.family for entry in found.left_out} == {"as_published", "covering_dudley"}
    assert len(found.left_out) == 4 and "no column n_active" in found.left_out[0].reason
    assert {bound.family for bound in found.bounds} == {
        "holdout", "srm_topk", "srm_topk_frontier", "faithfulness", "faithfulness_tokens",
        "faithfulness_quantile", "token_martingale",
    }  # fmt: skip


def test_a_sample_of_dead_codes_has_no_published_number(ledger: pd.DataFrame) -> None:
    dead = ledger.assign(n_active=(ledger["position"] == 0).astype(int) * 40)
    found = assemble_all(dead, FACTS, BoundSpec(n_tokens=(9600,), topk_grid=(), sparsity_bins=0))
    assert [entry.family for entry in found.left_out] == ["as_published", "covering_dudley"]
    assert "mean k of the sample is 0" in found.left_out[0].reason
    assert {bound.family for bound in found.bounds} == {
        "holdout", "faithfulness", "faithfulness_tokens", "faithfulness_quantile",
        "token_martingale",
    }  # fmt: skip


def test_pools_need_units_that_sequences_belong_to(
    ledger: pd.DataFrame, max_rank: np.ndarray
) -> None:
    spec = BoundSpec(n_tokens=(4800,), topk_grid=(), unit="token", pool_sizes=(64,))
    with pytest.raises(ConfigError, match="not token"):
        assemble_all(ledger, FACTS, spec, max_rank=max_rank)


def test_a_table_of_another_vocabulary_is_refused(ledger: pd.DataFrame) -> None:
    table = sequence_losses(ledger, needed_proxies(SPEC), 0.5, 5000)
    with pytest.raises(ConfigError, match="V = 5000, the model has 6000"):
        assemble(table, BoundFacts(vocab_size=6000, dict_size=512), SPEC)


def test_needed_proxies_and_facts() -> None:
    assert needed_proxies(SPEC) == ("model", "sae", "topk_8", "topk_16", "pool_64", "pool_256")
    assert BoundFacts.from_mapping({"vocab_size": 9, "dict_size": 4, "model": "x"}).dict_size == 4
    with pytest.raises(DataError, match="lacks dict_size"):
        BoundFacts.from_mapping({"vocab_size": 9})


def test_first_non_vacuous_and_the_headline(bounds: list[Bound]) -> None:
    grouped = curves(bounds)
    for (name, _), curve in grouped.items():
        first = first_non_vacuous(curve)
        below = [b.size.grid_n_tokens for b in curve if b.is_non_vacuous]
        assert (first.size.grid_n_tokens if first else None) == (min(below) if below else None), (
            name
        )
    numbers = headline(bounds)
    assert numbers["n_tokens"] == 9600 and numbers["baseline"] == math.log2(5000)
    assert numbers["holdout_betting_total"] == grouped["holdout_betting", 0.5][-1].total
    assert numbers["srm_topk_k"] == grouped["srm_topk", 0.5][-1].k
    published = grouped["as_published", 0.5][-1]
    exact = crossing(published)
    assert numbers["as_published_crossing_n_tokens"] == exact
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers
    with pytest.raises(ConfigError, match="one curve"):
        first_non_vacuous(bounds)
    with pytest.raises(ConfigError, match="no closed form"):
        crossing(grouped["srm_topk", 0.5][-1])


APP = typer.Typer()
APP.command("bound")(command(bound_command))
TEXT = (
    "--vocab-size 50257 --smoothing 0.5 --n-active 100 --dict-size 100000 "
    "--n-tokens 1000000 --failure-prob 0.05"
)
ARGUMENTS = TEXT.split()


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(APP, list(arguments), env={"COLUMNS": "140"})
    return result.exit_code, result.output


def test_calculator_prints_the_golden_numbers() -> None:
    code, text = run(*ARGUMENTS)
    assert code == 0
    for number in ("790.775528", "1.869133", "0.041880", "13.706024", "12.615459"):
        assert number in text
    assert text.count("not a certificate") == 3
    code, text = run(*ARGUMENTS, "--proxy-risk", "6.5", "--gap", "0.25", "--json")
    content = json.loads(text)
    assert code == 0 and content["as_published"]["is_certificate"] is False
    assert content["as_published"]["total"] == pytest.approx(6.75 + 1.869133 + 0.041880, abs=2e-6)
    code, text = run(*ARGUMENTS, "--n-documents", "200", "--model-risk", "6.5")
    assert "7.851515" in text and "certificate (documents independent)" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needs --vocab-size"),
        ([*ARGUMENTS, "--smoothing", "1.5"], "smoothing must lie"),
        ([*ARGUMENTS, "--n-active", "0.5"], "at least 1"),
        ([*ARGUMENTS, "--n-tokens", "0"], "n_tokens = 0 must be from 1"),
        ([*ARGUMENTS, "--gap", "0.2"], "proxy risk and gap together"),
        ([*ARGUMENTS, "--model-risk", "6"], "number of documents"),
        ([*ARGUMENTS, "--n-documents", "1000001"], "n_documents = 1000001 must be at most"),
        ([*ARGUMENTS, "--family", "holdout"], "--family belongs to --from"),
        (["--from", "results/nowhere"], "there is no"),
    ],
)
def test_calculator_refuses_in_one_sentence(arguments: list[str], message: str) -> None:
    code, text = run(*arguments)
    assert code == 1 and message in text and "Traceback" not in text


def test_a_computed_bound_is_explained(bounds: list[Bound], tmp_path: object) -> None:
    frame = pd.DataFrame([bound.to_row() for bound in bounds])
    frame.to_csv(tmp_path / "bounds.csv", index=False)  # type: ignore[operator]
    code, text = run("--from", str(tmp_path))
    assert code == 0
    assert "as_published: not a certificate" in text and "srm_topk: certificate" in text
    assert "covering_dudley: not a certificate" in text and "risk_by_sparsity" in text
    best = curves(bounds)["srm_topk", 0.5][-1]
    assert f"{best.total:.6f}" in text
    code, text = run("--from", str(tmp_path), "--family", "holdout", "--n-tokens", "1600", "--json")
    rows = json.loads(text)
    expected = [b for b in bounds if b.family == "holdout" and b.size.n_tokens_asked == 1600]
    assert [row["method"] for row in rows] == [b.method for b in expected]
    assert [row["total"] for row in rows] == [b.total for b in expected]
    for arguments, message in (
        (("--family", "nothing"), "it has as_published"),
        (("--n-tokens", "77"), "near N = 77: it has 1,600"),
        (("--vocab-size", "9"), "--vocab-size belongs to the calculator"),
        (("--gap", "0.1", "--n-documents", "9"), "--gap, --n-documents belongs"),
    ):
        code, text = run("--from", str(tmp_path), *arguments)
        assert code == 1 and message.split()[-1] in text
    largest = max(bound.size.n_tokens_asked for bound in bounds)
    first = run("--from", str(tmp_path))[1].splitlines()[0]
    assert f"at N = {largest:,} tokens (the file has 1,600, " in first and "smallest of" in first
    snapped = run("--from", str(tmp_path), "--n-tokens", "1700")[1]
    assert "note: there is no bound at N = 1,700; this is N = 1,600, of" in snapped
    assert "at N = 1,600 tokens" in snapped
    (tmp_path / "bounds.csv").write_text("a,b\n1,2\n")  # type: ignore[operator]
    assert "cannot be read as a table of bounds" in run("--from", str(tmp_path))[1]


def test_the_calculator_loads_nothing_heavy() -> None:
    code = (
        "import sys, semdim.commands.bound; "
        "print([m for m in ('torch', 'pandas', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
