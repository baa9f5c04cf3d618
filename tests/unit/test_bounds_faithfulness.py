"""Family 8: a text, a token and a document are three quantities, and each is covered."""

import math

import numpy as np
import pandas as pd
import pytest
from bounds_factory import FACTS, sample
from hypothesis import given
from hypothesis import strategies as st

from semdim.bounds.aggregate import sequence_losses
from semdim.bounds.assemble import assemble, assemble_ledger
from semdim.bounds.families.faithfulness_quantile import faithfulness_quantile
from semdim.bounds.order_statistics import largest_rank, quantile_upper, share_above
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.spec import BoundSpec
from semdim.errors import ConfigError, DataError

DELTA, REPETITIONS = 0.05, 1000
ALLOWED = DELTA * REPETITIONS + 3 * math.sqrt(REPETITIONS * DELTA * (1 - DELTA))
SPEC = BoundSpec(n_tokens=(3600,), topk_grid=(), sparsity_bins=0)


@pytest.fixture(scope="module")
def ledger() -> pd.DataFrame:
    """Changes of both signs, so that those of a text's tokens cancel in part."""
    rows = sample()[0]
    noise = np.random.default_rng(5).normal(0.0, 1.0, len(rows)).astype(np.float32)
    return rows.assign(nll_sae=(rows["nll_model"] + noise).abs())


def rows_of(bounds: list[Bound], family: str) -> list[Bound]:
    return [bound for bound in bounds if bound.family == family]


def test_a_token_changes_more_than_a_text(ledger: pd.DataFrame) -> None:
    """Recomputed from the columns: means of |differences|, and |differences| of means."""
    found = assemble_ledger(ledger, FACTS, SPEC)
    (text,), (token,) = rows_of(found, "faithfulness"), rows_of(found, "faithfulness_tokens")
    raw = {name: ledger[f"nll_{name}"].to_numpy(float) for name in ("model", "sae")}
    smoothed = {
        name: -np.log2(0.5 * np.exp2(-nll) + 0.5 / FACTS.vocab_size) for name, nll in raw.items()
    }
    frame = ledger[["document", "sequence"]].assign(change=smoothed["model"] - smoothed["sae"])
    frame = frame.dropna()
    by_text = frame.groupby(["document", "sequence"])["change"].mean().abs()
    assert text.gap == pytest.approx(by_text.groupby("document").mean().mean())
    by_token = frame.assign(change=frame["change"].abs()).groupby(["document", "sequence"])
    assert token.gap == pytest.approx(by_token["change"].mean().groupby("document").mean().mean())
    assert token.gap > 2 * text.gap and token.total > text.total
    assert "the mean loss of a window" in text.subject and "a token's loss" in token.subject
    assert text.is_certificate and token.is_certificate and token.size.unit == "document"


def test_without_losses_of_tokens_the_others_are_computed(ledger: pd.DataFrame) -> None:
    table = sequence_losses(ledger, ("model", "sae"), 0.5, FACTS.vocab_size)
    found = assemble(table, FACTS, SPEC)
    left_out = {entry.family for entry in found.left_out}
    assert left_out == {"faithfulness_tokens", "token_martingale"}
    assert "keep_tokens" in found.left_out[0].reason
    assert rows_of(list(found.bounds), "faithfulness")


def test_the_shares_of_documents_hold_at_every_level(ledger: pd.DataFrame) -> None:
    found = rows_of(assemble_ledger(ledger, FACTS, SPEC), "faithfulness_quantile")
    assert [bound.details["share_above"] for bound in found] == [0.5, 0.25, 0.1, 0.05, 0.02]
    totals = [bound.total for bound in found]
    assert totals == sorted(totals)
    assert math.fsum(bound.budget.spent for bound in found) == pytest.approx(0.05)


@given(st.integers(1, 400), st.floats(0.01, 0.9), st.floats(1e-3, 0.3))
def test_the_rank_is_the_largest_that_the_binomial_law_allows(
    n: int, share: float, failure_prob: float
) -> None:
    rank = largest_rank(n, share, failure_prob)

    def at_most(r: int) -> float:
        return math.fsum(math.comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(r + 1))

    if rank is None:
        assert at_most(0) > failure_prob * (1 - 1e-9)
    else:
        assert at_most(rank) <= failure_prob * (1 + 1e-9)
        assert rank == n or at_most(rank + 1) > failure_prob * (1 - 1e-9)


LAWS = {
    "continuous": (lambda rng, shape: rng.random(shape), lambda x: 1 - x),
    "two values": (
        lambda rng, shape: np.where(rng.random(shape) < 0.06, 0.9, 0.1),
        lambda x: np.where(x < 0.1, 1.0, np.where(x < 0.9, 0.06, 0.0)),
    ),
    "rare": (
        lambda rng, shape: np.where(rng.random(shape) < 0.021, 1.0, 0.2 * rng.random(shape)),
        lambda x: 0.021 * (x < 1.0) + 0.979 * np.clip(1 - x / 0.2, 0, 1),
    ),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [20, 100, 362])
def test_all_shares_of_documents_are_covered_at_once(law: str, n: int) -> None:
    draw, above = LAWS[law]
    shares = (0.5, 0.25, 0.1, 0.05, 0.02)
    values = np.sort(draw(np.random.default_rng([3, n]), (REPETITIONS, n)), axis=1)[:, ::-1]
    missed = np.zeros(REPETITIONS, dtype=bool)
    for share in shares:
        rank = largest_rank(n, share, DELTA / len(shares))
        if rank is not None:
            assert quantile_upper(values[0], 9.0, share, DELTA / 5) == values[0, rank]
            missed |= above(values[:, rank]) > share
    assert missed.sum() <= ALLOWED


def test_the_simulation_can_fail() -> None:
    """An order statistic without its margin, the sample's own quantile, misses half of the time."""
    values = np.random.default_rng(4).random((REPETITIONS, 100))
    assert (1 - np.quantile(values, 0.9, axis=1) > 0.1).sum() > 4 * ALLOWED


@pytest.mark.parametrize("law", LAWS)
def test_the_band_holds_at_all_levels_at_once(law: str) -> None:
    draw, above = LAWS[law]
    levels = np.linspace(0.0, 1.0, 101)
    missed = 0
    for seed in range(100):
        values = draw(np.random.default_rng([9, seed]), (60,))
        limits = [share_above(values, level, DELTA) for level in levels]
        missed += bool((above(levels) > np.array(limits) + 1e-12).any())
    assert missed <= 5 + 3 * math.sqrt(100 * 0.05 * 0.95)


def test_too_few_documents_give_the_range_and_bad_input_is_refused() -> None:
    size = SampleSize(3 * 128, 3, 3, "document")
    model = {"vocab_size": 50257, "smoothing": 0.5, "failure_prob": 0.05}
    (bound,) = faithfulness_quantile(np.array([0.1, 0.2, 0.3]), (0.02,), size=size, **model)
    assert bound.total == pytest.approx(15.617066, abs=1e-6)
    with pytest.raises(ConfigError, match="share of documents"):
        faithfulness_quantile(np.array([0.1, 0.2, 0.3]), (1.0,), size=size, **model)
    with pytest.raises(DataError, match="2 values for 3"):
        faithfulness_quantile(np.array([0.1, 0.2]), (0.5,), size=size, **model)
    with pytest.raises(ConfigError, match="at most 1/2"):
        share_above(np.array([0.1]), 0.0, 0.6)
