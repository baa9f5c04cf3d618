"""Families 3 and 5 to 9: golden values, what each pays, what each refuses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semdim.bounds.families.covering_dudley import covering_complexity, covering_dudley
from semdim.bounds.families.faithfulness import faithfulness
from semdim.bounds.families.holdout import holdout
from semdim.bounds.families.pool import occam_pool, occam_pool_from_losses, pool
from semdim.bounds.families.risk_by_sparsity import risk_by_sparsity, sparsity_edges
from semdim.bounds.families.srm_topk import srm_frontier, srm_topk
from semdim.bounds.quantities import loss_ceiling, loss_floor, loss_range
from semdim.bounds.result import SampleSize
from semdim.errors import ConfigError, DataError

SEQUENCES = SampleSize(1_280_000, 10_000, 10_000, "sequence")
MODEL = {"vocab_size": 50257, "smoothing": 0.5, "failure_prob": 0.05}
POOL = {
    "proxy_risk": 7.358728450775146,
    "gap": 0.21594088044166565,
    "outside_share": 0.0013,
    "pool_size": 24510,
    "dict_size": 24576,
    "size": SEQUENCES,
    **MODEL,
}


def test_golden_pool_bounds() -> None:
    split = pool(chosen_on_sample=False, **POOL)
    occam = pool(chosen_on_sample=True, **POOL)
    assert split.total == pytest.approx(8.283490784, abs=6e-10)
    assert occam.total == pytest.approx(10.422568310, abs=6e-10)
    for bound in (split, occam):
        assert bound.is_certificate
        assert bound.budget.spent == pytest.approx(0.05)
        assert len(bound.budget.shares) == 3


def test_golden_covering_complexity() -> None:
    complexity = covering_complexity(
        n_active=100, dict_size=100_000, n_tokens=1_000_000, vocab_size=50257, smoothing=0.5
    )
    assert complexity == pytest.approx(12.615, abs=6e-4)


def test_covering_needs_whole_atoms_and_is_no_certificate() -> None:
    arguments = {"proxy_risk": 6.5, "gap": 0.25, "dict_size": 24576, "size": SEQUENCES, **MODEL}
    assert not covering_dudley(n_active=60, **arguments).is_certificate
    with pytest.raises(ConfigError, match="must be an integer"):
        covering_dudley(n_active=59.77, **arguments)


def test_occam_pool_prices_the_name_of_the_pool() -> None:
    arguments = {"pool_size": 512, "dict_size": 9216, "size": SEQUENCES, **MODEL}
    bound = occam_pool(7.5, n_choices=3, **arguments)
    nats = math.lgamma(9217) - math.lgamma(513) - math.lgamma(9216 - 512 + 1)
    width = loss_range(50257, 0.5) * math.sqrt((nats + math.log(60)) / 20_000)
    assert bound.total == pytest.approx(7.5 + width, rel=1e-12)
    assert "not of the model" in bound.subject
    whole = occam_pool(7.5, **(arguments | {"pool_size": 9216}))
    assert whole.complexity == pytest.approx(0.0, abs=1e-12)  # one set only: nothing to name


def test_occam_pool_from_losses_equals_the_formula_for_hoeffding() -> None:
    losses = np.tile([5.0, 6.0, 7.0, 8.0], 2500)
    arguments = {"pool_size": 512, "dict_size": 9216, "size": SEQUENCES, **MODEL}
    first = occam_pool(6.5, **arguments)
    second = occam_pool_from_losses(losses, method="hoeffding", **arguments)
    assert second.total == pytest.approx(first.total, rel=1e-12)
    betting = occam_pool_from_losses(losses, method="betting", **arguments)
    assert 6.5 < betting.total < first.total  # small variance, large price: betting gains


@pytest.mark.parametrize("change", [{"pool_size": 24577}, {"pool_size": 0}])
def test_a_pool_larger_than_the_dictionary_is_refused(change: dict) -> None:
    with pytest.raises(ConfigError, match="between 1 and dict_size"):
        pool(chosen_on_sample=False, **(POOL | change))


@pytest.mark.parametrize(
    "change",
    [{"proxy_risk": 17.0}, {"gap": math.nan}, {"outside_share": 1.1}, {"outside_share": -0.1}],
)
def test_pool_statistics_outside_their_range_are_refused(change: dict) -> None:
    with pytest.raises(DataError):
        pool(chosen_on_sample=True, **(POOL | change))


def grid(n: int = 400, seed: int = 0) -> tuple[dict, dict, np.ndarray, SampleSize]:
    """Losses and |gaps| for k = 8, 16, 32: a larger k is nearer to the model."""
    rng = np.random.default_rng(seed)
    model = rng.uniform(4.0, 9.0, n)
    losses, gaps = {}, {}
    for k in (8, 16, 32):
        losses[k] = model + rng.uniform(0.0, 8.0 / k, n)
        gaps[k] = losses[k] - model
    return losses, gaps, model, SampleSize(n * 128, n, n, "document")


@pytest.mark.parametrize("form", ["capped", "joint", "sum"])
@pytest.mark.parametrize("method", ["hoeffding", "maurer_pontil", "betting", "betting_sequence"])
def test_srm_is_the_frontiers_minimum(form: str, method: str) -> None:
    losses, gaps, _, size = grid()
    frontier = srm_frontier(
        losses, gaps, size=size, dict_size=9216, method=method, form=form, **MODEL
    )
    best = srm_topk(frontier)
    assert [bound.k for bound in frontier] == [8, 16, 32]
    assert best.total == min(bound.total for bound in frontier) and best.k == 32
    assert best.family == "srm_topk" and best.is_certificate
    assert best.budget.spent == pytest.approx(0.05)


@given(st.integers(0, 10_000), st.integers(2, 60), st.sampled_from(["capped", "joint", "sum"]))
def test_by_hoeffding_srm_is_never_below_holdout(seed: int, n: int, form: str) -> None:
    """A theorem: z ≥ ℓ_M at every unit, and Hoeffding adds the same to every mean of one range."""
    rng = np.random.default_rng(seed)
    low, high = loss_floor(50257, 0.5), loss_ceiling(50257, 0.5)
    size = SampleSize(n * 128, n, n, "document")
    model, through = rng.uniform(low, high, n), rng.uniform(low, high, n)
    through = np.where(rng.random(n) < rng.random(), model, through)
    gaps = np.abs(model - through)
    (bound,) = srm_frontier(
        {8: through}, {8: gaps}, size=size, dict_size=512, method="hoeffding", form=form, **MODEL
    )
    assert bound.total >= holdout(model, size=size, **MODEL).total - 1e-9


def test_by_betting_srm_can_be_below_holdout_and_its_measured_part_cannot() -> None:
    """A proxy that is the model itself, in the range 2Δ of the joint form, lies below holdout in
    some samples and above it in others, because bets depend on the values. What holds of any
    method: the mean of z is at least that of ℓ_M."""
    below, low, high = 0, loss_floor(50257, 0.5), loss_ceiling(50257, 0.5)
    for seed in range(40):
        model = np.random.default_rng(seed).uniform(low, high, 200)
        size = SampleSize(200 * 128, 200, 200, "document")
        (bound,) = srm_frontier(
            {8: model}, {8: 0 * model}, size=size, dict_size=512, form="joint", **MODEL
        )
        own = holdout(model, size=size, method="betting", **MODEL)
        assert bound.proxy_risk + bound.gap >= own.proxy_risk - 1e-12
        below += bound.total < own.total - 1e-9
    assert 4 < below < 40


@given(st.integers(0, 10_000), st.floats(0.01, 1.0))
def test_the_cap_leaves_z_above_the_models_loss_and_below_b(seed: int, share: float) -> None:
    """So that its range is Δ: the bound is that of a variable in [ℓmin, B] with mean ≥ R̂(M)."""
    rng = np.random.default_rng(seed)
    low, high = loss_floor(50257, 0.5), loss_ceiling(50257, 0.5)
    model, through = low + (high - low) * rng.random((2, 30))
    through = np.where(rng.random(30) < share, high, through)
    gaps, size = np.abs(model - through), SampleSize(30 * 128, 30, 30, "document")
    z = np.minimum(through + gaps, high)
    assert (z >= model - 1e-12).all() and z.max() <= high
    totals = {
        form: srm_frontier(
            {8: through}, {8: gaps}, size=size, dict_size=512, method="hoeffding", form=form,
            **MODEL,
        )[0].total
        for form in ("capped", "joint")
    }  # fmt: skip
    width = (high - low) * math.sqrt(math.log(1 / 0.05) / 60)
    assert totals["capped"] == pytest.approx(z.mean() + width)
    assert totals["capped"] < totals["joint"]


def test_the_whole_autoencoder_is_the_k_that_cuts_nothing() -> None:
    losses, gaps, _, size = grid()
    frontier = srm_frontier(
        {8: losses[8], 512: losses[32]}, {8: gaps[8], 512: gaps[32]}, names={512: "sae"},
        size=size, dict_size=512, **MODEL,
    )  # fmt: skip
    assert [(b.k, b.proxy) for b in frontier] == [(8, "topk_8"), (512, "sae")]
    assert srm_topk(frontier).proxy == "sae"


def test_srm_pays_for_every_k_and_every_point() -> None:
    losses, gaps, _, size = grid()
    frontier = srm_frontier(
        losses, gaps, size=size, dict_size=9216, method="hoeffding", n_choices=5, form="joint",
        **MODEL,
    )  # fmt: skip
    tail = 2 * loss_range(50257, 0.5) * math.sqrt(math.log(3 * 5 / 0.05) / 800)
    assert frontier[0].tail == pytest.approx(tail, rel=1e-9)
    assert frontier[0].budget.spent == pytest.approx(0.05 / 15)


@pytest.mark.parametrize("k", [8.5, 0, 10_000, True])
def test_srm_refuses_a_k_that_truncation_cannot_have(k: float) -> None:
    losses, gaps, _, size = grid()
    with pytest.raises(ConfigError):
        srm_frontier({k: losses[8]}, {k: gaps[8]}, size=size, dict_size=9216, **MODEL)


def test_srm_refuses_grids_that_differ() -> None:
    losses, gaps, _, size = grid()
    del gaps[8]
    with pytest.raises(ConfigError, match="same, non-empty grid"):
        srm_frontier(losses, gaps, size=size, dict_size=9216, **MODEL)


def test_faithfulness_bounds_a_gap_and_no_risk() -> None:
    gaps = np.linspace(0.0, 0.4, 300)
    bound = faithfulness(gaps, size=SampleSize(38_400, 300, 300), method="betting", **MODEL)
    assert bound.baseline is None and bound.slack is None and bound.is_non_vacuous
    assert bound.gap == pytest.approx(0.2) and bound.total > 0.2
    assert bound.gap_tail == pytest.approx(bound.total - bound.gap, abs=1e-12)


def test_faithfulness_refuses_a_signed_gap() -> None:
    with pytest.raises(DataError):
        faithfulness(np.array([0.1, -0.2]), size=SampleSize(256, 2, 2), **MODEL)


def sparsity_setting(n: int = 300) -> dict:
    rng = np.random.default_rng(1)
    k = rng.uniform(40, 80, n)
    return {
        "losses": 5.0 + k / 40.0,
        "n_active": k,
        "edges": [50.0, 60.0, 70.0],
        "size": SampleSize(n * 128, n, n, "document"),
        "calibration_documents": range(1000, 1100),
        "sample_documents": range(n),
        **MODEL,
    }


def test_risk_by_sparsity_divides_the_sample_and_the_failure_probability() -> None:
    setting = sparsity_setting()
    bounds = risk_by_sparsity(method="hoeffding", **setting)
    assert [bound.details["bin"] for bound in bounds] == [1, 2, 3, 4]
    assert sum(bound.n_units for bound in bounds) == 300
    assert sum(bound.budget.spent for bound in bounds) == pytest.approx(0.05)
    inside = setting["losses"][(setting["n_active"] > 50) & (setting["n_active"] <= 60)]
    width = loss_range(50257, 0.5) * math.sqrt(math.log(4 / 0.05) / (2 * len(inside)))
    assert bounds[1].total == pytest.approx(inside.mean() + width, rel=1e-12)
    assert "bin_right" not in bounds[-1].details


def test_an_empty_bin_gets_the_ceiling_and_says_so() -> None:
    setting = sparsity_setting() | {"edges": [10.0, 60.0]}
    empty = risk_by_sparsity(**setting)[0]
    assert empty.total == pytest.approx(16.617037, abs=6e-7) and empty.n_units == 0
    assert any("too few units" in text for text in empty.assumptions)
    assert not empty.is_non_vacuous


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"calibration_documents": [5, 7]}, DataError, "shares 2 documents"),
        ({"edges": [60.0, 50.0]}, ConfigError, "must ascend"),
        ({"edges": [math.nan]}, ConfigError, "must ascend"),
        ({"n_active": np.full(300, np.nan)}, DataError, "NaN"),
        ({"failure_prob": 1.5}, ConfigError, "failure_prob"),
    ],
)
def test_risk_by_sparsity_refuses(change: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        risk_by_sparsity(**(sparsity_setting() | change))


def test_edges_are_quantiles_and_need_a_k_that_varies() -> None:
    assert sparsity_edges(np.arange(101.0), 4).tolist() == [25.0, 50.0, 75.0]
    with pytest.raises(DataError, match="is k constant"):
        sparsity_edges(np.full(50, 32.0), 4)
    assert len(sparsity_edges(np.full(50, 32.0), 1)) == 0


@given(st.integers(50, 10**6), st.integers(1, 9215), st.integers(1, 20))
def test_more_documents_cheapen_and_more_choices_raise(
    n: int, pool_size: int, n_choices: int
) -> None:
    def total(count: int, choices: int) -> float:
        size = SampleSize(count * 128, count, count, "document")
        arguments = {"pool_size": pool_size, "dict_size": 9216, "size": size, **MODEL}
        return occam_pool(7.0, n_choices=choices, **arguments).total

    assert total(2 * n, n_choices) < total(n, n_choices)
    assert total(n, n_choices) < total(n, n_choices + 1)
    assert total(10**14, n_choices) == pytest.approx(7.0, abs=1e-3)  # N → ∞


@pytest.mark.parametrize("n_choices", [0, -1])
def test_a_failure_probability_is_divided_among_whole_points(n_choices: int) -> None:
    with pytest.raises(ConfigError, match="whole number of points"):
        occam_pool(7.0, n_choices=n_choices, pool_size=1, dict_size=9, size=SEQUENCES, **MODEL)
