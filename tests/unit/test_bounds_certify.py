"""`certify`: the pipeline's rows as typed values, from anything that has rows and facts."""

import json
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from bounds_factory import FACTS, TOPK, sample
from ledger_factory import VOCAB_SIZE

from semdim.bounds.assemble import assemble_ledger
from semdim.bounds.certify import Certificate, certify
from semdim.bounds.spec import BoundSpec
from semdim.errors import ConfigError, DataError
from semdim.results.write_bounds import bounds_table


@dataclass(frozen=True)
class Facts:
    vocab_size: int = VOCAB_SIZE
    dict_size: int = 512
    splice: str = "no_bos"


@dataclass(frozen=True)
class Ledger:
    rows: pd.DataFrame
    facts: object = Facts()


@dataclass(frozen=True)
class Sizes:
    vocab_size: int = VOCAB_SIZE
    dict_size: int = 512


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    rows, max_rank = sample()
    rank = np.where(rows["position"] > 0, 5, 400)  # BOS is passed through: its atoms do not count
    rank[rows["position"] == 3] = max_rank
    return Ledger(rows.assign(deepest_rank=rank))


@pytest.fixture(scope="module")
def certificate(ledger: Ledger) -> Certificate:
    return certify(ledger)


def test_it_is_what_the_pipeline_computes(ledger: Ledger, certificate: Certificate) -> None:
    spec = BoundSpec(n_tokens=(3600,), topk_grid=TOPK)
    assert certificate.spec == spec and certificate.left_out == ()
    expected = assemble_ledger(ledger.rows, FACTS, spec)
    assert list(certificate.bounds) == expected
    pd.testing.assert_frame_equal(certificate.to_frame(), bounds_table(expected), check_exact=True)
    several = certify(
        ledger, n_tokens=[600, 3600], topk_grid=8, method="hoeffding", unit="sequence",
        failure_prob=0.1, smoothing=0.2, pool_sizes=[64, 256], sparsity_bins=2,
    )  # fmt: skip
    spec = BoundSpec(
        n_tokens=(600, 3600), topk_grid=(8,), method="hoeffding", unit="sequence",
        failure_prob=0.1, smoothing=0.2, pool_sizes=(64, 256), sparsity_bins=2,
    )  # fmt: skip
    max_rank = sample()[1]
    assert list(several.bounds) == assemble_ledger(ledger.rows, FACTS, spec, max_rank=max_rank)


def test_the_named_bounds_are_those_at_the_largest_n(ledger: Ledger) -> None:
    found = certify(ledger, n_tokens=(600, 3600), smoothing_grid=(0.1,))
    for bound, family, proxy in (
        (found.holdout, "holdout", "model"),
        (found.faithfulness, "faithfulness", "sae"),
        (found.published, "as_published", "sae"),
    ):
        assert bound is not None and (bound.family, bound.proxy) == (family, proxy)
        assert bound.size.n_tokens == 3600 and bound.smoothing == 0.5
    assert found.holdout.method == "betting" and found.holdout.is_certificate
    assert not found.published.is_certificate
    assert found.srm_topk.k in (*TOPK, 512)
    assert found.faithfulness_tokens.total >= found.faithfulness.total
    assert found.token_martingale.dependence == "martingale"
    each = found.over_smoothings("holdout", method="betting")
    assert [bound.smoothing for bound in each] == [0.5, 0.1] and each[0] is found.holdout
    assert "holdout at every α, all at once" in str(found)
    assert found.last("srm_topk_frontier", k=8).k == 8
    assert found.last("pool_occam") is None and found.last("holdout", k=8) is None


def test_one_n_does_not_divide_the_failure_probability(certificate: Certificate) -> None:
    assert certificate.faithfulness.budget.spent == pytest.approx(0.05)
    assert certificate.holdout.budget.spent == pytest.approx(0.025)  # the rest: the other α
    assert certificate.srm_topk.budget.spent == pytest.approx(0.025)


def test_it_reads_well(ledger: Ledger, certificate: Certificate) -> None:
    lines = str(certificate).splitlines()
    heading = lines[0]
    for part in ("n = 150 documents", "3,600 tokens", "δ = 0.05", "bits per token", "α = 0.5"):
        assert part in heading
    assert lines[1] == "  a document counts with the mean over its first 2 windows"
    assert any(
        line.split()[:3] == ["holdout_betting", f"{certificate.holdout.total:.3f}", "bits"]
        for line in lines
    )
    assert sum("not a certificate: the paper's" in line for line in lines) == 3
    assert "frontier" not in str(certificate) and max(map(len, lines)) < 200
    by_token = str(certify(ledger, unit="token"))
    assert "(the tokens are not independent)" in by_token and "n = 3,300 tokens" in by_token


def test_what_cannot_be_had_is_said(ledger: Ledger) -> None:
    found = certify(Ledger(ledger.rows.assign(n_active=32)))
    assert [entry.family for entry in found.left_out] == ["risk_by_sparsity"]
    assert "left out: risk_by_sparsity at N = 3600" in str(found)
    assert json.loads(found.to_json())["left_out"][0]["family"] == "risk_by_sparsity"


def test_json_holds_everything(certificate: Certificate) -> None:
    content = json.loads(certificate.to_json())
    assert content["facts"] == {"vocab_size": VOCAB_SIZE, "dict_size": 512}
    assert content["settings"]["n_tokens"] == [3600]
    totals = [bound["total"] for bound in content["bounds"]]
    assert totals == [bound.total for bound in certificate.bounds]


def test_only_proxies_of_the_whole_sample_enter_the_grid(ledger: Ledger) -> None:
    part = ledger.rows["nll_topk_8"].mask(ledger.rows["sequence"] >= 100)
    found = certify(Ledger(ledger.rows.assign(nll_topk_8=part, nll_topk_16_all=1.0)))
    assert found.spec.topk_grid == (4, 16)
    bare = ledger.rows.drop(columns=[f"nll_topk_{k}" for k in TOPK])
    assert certify(Ledger(bare)).srm_topk is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n_tokens": 3700}, DataError, "holds 3600 tokens"),
        ({"topk_grid": [64]}, ConfigError, "Add topk_64 to grid.sweep"),
        ({"failure_prob": 2.0}, ConfigError, "failure_prob"),
        ({"pool_size": [64]}, ConfigError, "pool_size"),
    ],
)
def test_impossible_questions_are_refused(
    ledger: Ledger, change: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        certify(ledger, **change)


def test_ledgers_that_lack_something_are_refused(ledger: Ledger) -> None:
    with pytest.raises(DataError, match="no rows"):
        certify(Ledger(ledger.rows.iloc[:0]))
    for lacking in (
        Ledger(ledger.rows, Sizes()),
        Ledger(ledger.rows.drop(columns="deepest_rank")),
    ):
        with pytest.raises(ConfigError, match="deepest_rank"):
            certify(lacking, pool_sizes=[64])
    with pytest.raises(ConfigError, match="model"):
        certify(Ledger(ledger.rows.drop(columns="nll_model")))


def test_importing_the_bounds_loads_neither_torch_nor_pandas() -> None:
    code = (
        "import sys, pkgutil, importlib, semdim.bounds as b\n"
        "for m in pkgutil.walk_packages(b.__path__, 'semdim.bounds.'):\n"
        "    importlib.import_module(m.name)\n"
        "print([m for m in ('torch', 'pandas', 'scipy', 'pyarrow') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
