"""Family 10 against MAPIE's risk control: the same thresholds from the same p-values, and about the
same from its own (Hoeffding–Bentkus, for losses of 0 and 1 exact binomial)."""

import math

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom, norm

from semdim.bounds.let_through import let_through
from semdim.bounds.selective_risk import p_value, selective_risk

mapie = pytest.importorskip("mapie.risk_control.fwer_control", reason="the extra dev has mapie")
methods = pytest.importorskip("mapie.risk_control.methods")
risk_control = pytest.importorskip("mapie.risk_control")

DELTA, TARGET, N = 0.1, 0.25, 400
TAUS = np.linspace(-1.0, 2.0, 25)


def items(seed: int, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Scores and errors of items that are documents of their own, as MAPIE takes them."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    return score, (rng.random(n) < expit(-1.6 + 1.3 * score)).astype(float)


def ours(score: np.ndarray, wrong: np.ndarray, first: int = 0) -> float | None:
    """Our threshold, with next to nothing of δ spent on coverage."""
    through = let_through(score, wrong, np.arange(len(score)), TAUS)
    return selective_risk(
        through, TARGET, failure_prob=DELTA, first=first, coverage_share=1e-6
    ).threshold


def our_p_values(score: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Those behind it."""
    excess = let_through(score, wrong, np.arange(len(score)), TAUS).excess(TARGET)
    level = DELTA * (1 - 1e-6)
    return np.array([p_value(values, -TARGET, 1 - TARGET, level) for values in excess.T])


def theirs(score: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """MAPIE's p-values: of the items that are let through, given how many they are."""
    kept = score[:, None] <= TAUS
    n_kept = kept.sum(axis=0).astype(float)
    risk = (kept * wrong[:, None]).sum(axis=0) / n_kept
    return methods.compute_hoeffding_bentkus_p_value(risk, n_kept, TARGET, binary=True)[:, 0]


def largest(rejected: np.ndarray) -> float | None:
    return float(TAUS[rejected.max()]) if len(rejected) else None


@pytest.mark.parametrize("first", [0, 4])
def test_a_fixed_sequence_of_our_p_values_ends_where_mapies_does(first: int) -> None:
    ends = set()
    for seed in range(40):
        found, p_values = ours(*items(seed), first), our_p_values(*items(seed))[first:]
        rejected = mapie.control_fwer(p_values, DELTA * (1 - 1e-6), "fixed_sequence")
        assert found == largest(first + rejected)
        ends.add(found)
    assert len(ends) > 4  # not always the same, which anything would find


def test_p_values_are_about_as_small_as_exact_binomial_ones() -> None:
    """Both are valid. Betting pays for any dependence within documents and for any bounded loss,
    and so is a little behind; it is not behind by much where a decision is made."""
    decisions, gaps = [], []
    for seed in range(60):
        score, wrong = items(seed)
        mine, other = our_p_values(score, wrong), theirs(score, wrong)
        decisions += list((mine <= DELTA) == (other <= DELTA))
        near = (other > 1e-3) & (other < 0.5)
        gaps += list(np.log10(mine[near]) - np.log10(other[near]))
    assert np.mean(decisions) > 0.85
    assert -0.5 < np.median(gaps) < 1.0


def test_thresholds_keep_their_promise_as_mapies_do_and_let_through_about_as_much() -> None:
    """Risk and coverage of either threshold by quadrature, over 300 draws of calibration items."""
    grid = np.linspace(-8, 8, 16001)
    density = norm.pdf(grid)
    coverage = np.interp(TAUS, grid, np.cumsum(density) * (grid[1] - grid[0]))
    joint = np.cumsum(density * expit(-1.6 + 1.3 * grid)) * (grid[1] - grid[0])
    risk = np.interp(TAUS, grid, joint) / coverage
    misses, kept, first = np.zeros(2), np.zeros(2), 4
    for seed in range(300):
        score, wrong = items(1000 + seed)
        chosen = ours(score, wrong, first)
        own = theirs(score, wrong)[first:]
        other = largest(first + mapie.control_fwer(own, DELTA, "fixed_sequence"))
        for at, tau in enumerate((chosen, other)):
            if tau is not None:
                index = int(np.flatnonzero(tau == TAUS)[0])
                misses[at] += risk[index] > TARGET
                kept[at] += coverage[index]
    allowed = 300 * DELTA + 3 * math.sqrt(300 * DELTA * (1 - DELTA))
    assert (misses <= allowed).all()
    assert 0.85 < kept[0] / kept[1] < 1.05


def test_its_controller_of_precision_finds_what_its_parts_find() -> None:
    """What is let through is what a binary classifier calls positive; its risk is one minus the
    precision. So the parts that we compare with are what a user of MAPIE gets."""
    score, wrong = items(3)
    controller = risk_control.BinaryClassificationController(
        lambda x: np.column_stack([1 - expit(-x[:, 0]), expit(-x[:, 0])]),
        "precision", target_level=1 - TARGET, confidence_level=1 - DELTA,
        list_predict_params=expit(-TAUS), fwer_method="bonferroni",
    )  # fmt: skip
    controller.calibrate(score[:, None], (1 - wrong).astype(int))
    found = np.ravel(controller.p_values)
    kept = score[:, None] <= TAUS
    n_kept, n_wrong = kept.sum(axis=0), (kept * wrong[:, None]).sum(axis=0)
    # It counts ⌈n·risk⌉ errors, which is one too many where that product is rounded up.
    rounded = binom.cdf(n_wrong + 1, n_kept, TARGET)
    assert (found >= theirs(score, wrong) * (1 - 1e-9)).all() and (found <= rounded + 1e-12).all()
    assert np.isclose(found, theirs(score, wrong)).mean() > 0.4
    valid = np.sort(expit(-TAUS[found <= DELTA / len(TAUS)]))
    np.testing.assert_allclose(np.sort(np.ravel(controller.valid_predict_params)), valid)
