"""Family 10: the risk of what is let through, at a threshold that was chosen. A certificate.

An alarm promises few false alarms; this promises that what raises no alarm is right often enough.
Items (tokens, or answers) have a score and a loss ℓ in [low, high]; a threshold τ lets through the
items with a score of at most τ. A document D is drawn, then one of its items. Of that item,

    coverage C(τ) = E[a_D(τ)],   selective risk R(τ) = E[b_D(τ)] / E[a_D(τ)],

a_D the share of D's items that are let through and b_D the mean over D's items of ℓ·1{score ≤ τ}.

**Theorem** (Angelopoulos, Bates, Candès, Jordan and Lei, "Learn then Test: Calibrating Predictive
Algorithms to Achieve Risk Control", Annals of Applied Statistics 2025; fixed-sequence testing).
Let τ_1, …, τ_G and their order be fixed beforehand, and test H_j: R(τ_j) > r one after another at
level δ, until one is not rejected. With probability at least 1 − δ no rejected H_j is true, so that
R(τ) ≤ r for every τ that was rejected, whichever of them is then used.

*Proof.* Let j be the first true hypothesis in the order. To reject any true one, H_j has to be
rejected, which happens with probability at most δ.

**The test.** H_j says that E[x_D] > 0 for x_D = b_D − r·a_D, a mean of values 0 and ℓ − r, and so
in [min(0, low − r), max(0, high − r)]. The p-value is that of betting against it (Waudby-Smith and
Ramdas): one over the largest capital, valid by Ville's inequality. The ratio needs no bound of its
own. The share of δ for the coverage is divided among the G thresholds, each with a lower betting
bound of E[a_D]; it then holds for the one that is chosen.

**Assumptions.** The calibration documents are independent draws from the law that the statement is
about, how many there are does not depend on what they hold, and scores, thresholds, their order and
r were fixed without them. Items of one document may depend on each other in any way.

Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks" (NIPS 2017), give such a
guarantee for independent items and losses of 0 and 1, with a binary search over τ.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from semdim.bounds.budget import Budget, FailureShare
from semdim.bounds.concentration import BET_CAP, log_capital, plug_in_bets, upper_mean
from semdim.bounds.let_through import LetThrough
from semdim.bounds.validation import check_failure_prob
from semdim.errors import ConfigError, DataError

SOURCE = (
    "Angelopoulos et al., Learn then Test, with betting p-values (Waudby-Smith and Ramdas 2024)"
)
ASSUMPTIONS = (
    "the calibration documents are independent draws from one law, how many they are does not "
    "depend on what they hold, and the statement is about an item of a new document of that law",
    "the model, the score, the thresholds, their order and the target risk were fixed without the "
    "calibration documents",
)


@dataclass(frozen=True)
class SelectiveRisk:
    """A certified threshold, or that there is none."""

    target_risk: float
    """r: the risk that is certified, in the unit of the loss."""
    threshold: float | None
    """τ: items with a score of at most τ are let through; None: no threshold was certified."""
    coverage: float
    """The share of items that is let through is at least this; 0 without a threshold."""
    measured_risk: float | None
    """Selective risk at τ on the calibration documents."""
    measured_coverage: float
    """Coverage at τ on them."""
    n_documents: int
    """Calibration documents."""
    n_rejected: int
    """Thresholds that were certified; τ is the largest."""
    budget: Budget
    """Where each share of δ went."""
    assumptions: tuple[str, ...] = ASSUMPTIONS
    """Under which the statement is a theorem."""
    source: str = SOURCE
    """Where it comes from."""

    def __str__(self) -> str:
        sure = f"with probability {1 - self.budget.failure_prob:g}"
        if self.threshold is None:
            return f"no threshold keeps the risk to {self.target_risk:.4g} {sure}"
        return (
            f"at a score of at most {self.threshold:.4g} the risk is at most "
            f"{self.target_risk:.4g}, and at least {self.coverage:.1%} is let through, {sure}"
        )


def is_rejected(
    excess: Float[np.ndarray, " documents"],
    low: float,
    high: float,
    level: float,
    cap: float = BET_CAP,
) -> bool:
    """Whether betting rejects "the mean of these values is above 0" at this level.

    Args as of `p_value`.
    """
    return p_value(excess, low, high, level, cap) <= level


def p_value(
    excess: Float[np.ndarray, " documents"],
    low: float,
    high: float,
    level: float,
    cap: float = BET_CAP,
) -> float:
    """Of "the mean of these values is above 0": one over the largest capital, at most 1.

    It is valid at any level; the bets are sized for the one that is given.

    Args:
        excess: a value per document, in [low, high] with low ≤ 0 ≤ high.
        low: smallest value possible.
        high: largest.
        level: chance of rejecting a true hypothesis, at most.
        cap: largest part of the capital that a bet may lose.
    """
    if low >= 0.0:  # no value below 0 is possible, and so no evidence
        return 1.0
    gains = 1.0 - (excess - low) / (high - low)
    log_term = math.log(1.0 / level)
    null = 1.0 + low / (high - low)  # gain of a value of 0
    capital = log_capital(gains, plug_in_bets(gains, log_term, True), null, cap)
    return math.exp(-max(0.0, float(capital.max())))


def first_of(design: LetThrough, target_risk: float) -> int:
    """Where the fixed sequence starts: the threshold at which the design documents promise the
    smallest p-value. From there it goes on to larger thresholds."""
    excess = design.excess(target_risk)
    spread = excess.std(axis=0, ddof=1) if len(excess) > 1 else np.ones(excess.shape[1])
    promise = np.divide(-excess.mean(axis=0), spread, out=np.zeros(len(spread)), where=spread > 0)
    return int(promise.argmax())


def selective_risk(
    calibration: LetThrough,
    target_risk: float,
    *,
    failure_prob: float,
    first: int = 0,
    coverage_share: float = 0.5,
    bet_cap: float = BET_CAP,
) -> SelectiveRisk:
    """Family 10: the largest threshold whose selective risk is certified to be at most r.

    Args:
        calibration: of documents that nothing was fixed on.
        target_risk: r, in the unit of the loss.
        failure_prob: δ of risk and coverage together.
        first: number of the threshold at which the sequence starts, fixed beforehand (`first_of`).
        coverage_share: part of δ for the coverage.
        bet_cap: largest part of the capital that a bet may lose.

    Raises:
        ConfigError: δ or its part is not in (0, 1), or there is no such first threshold.
        DataError: r is not a number.
    """
    check_failure_prob(failure_prob)
    check_failure_prob(coverage_share, "coverage_share")
    n_thresholds = len(calibration.thresholds)
    if not 0 <= first < n_thresholds:
        raise ConfigError(f"first must be one of the {n_thresholds} thresholds, got {first}.")
    if not math.isfinite(target_risk):
        raise DataError(f"The target risk must be a number, got {target_risk}.")
    level, spent = failure_prob * (1 - coverage_share), failure_prob * coverage_share
    low = min(0.0, calibration.low - target_risk)
    high = max(0.0, calibration.high - target_risk)
    excess, last = calibration.excess(target_risk), first - 1
    while last + 1 < n_thresholds and is_rejected(excess[:, last + 1], low, high, level, bet_cap):
        last += 1
    share = spent / n_thresholds
    budget = Budget(
        failure_prob,
        (
            FailureShare("the risk, by a fixed sequence of thresholds", level),
            FailureShare(f"the coverage, at each of {n_thresholds} thresholds", spent),
        ),
    )
    n_documents = len(excess)
    if last < first:
        return SelectiveRisk(target_risk, None, 0.0, None, 0.0, n_documents, 0, budget)
    kept = calibration.share[:, last]
    refused = upper_mean(1.0 - kept, 0.0, 1.0, share, "betting", bet_cap=bet_cap)
    return SelectiveRisk(
        target_risk=target_risk,
        threshold=float(calibration.thresholds[last]),
        coverage=max(0.0, 1.0 - refused),
        measured_risk=float(calibration.loss[:, last].mean() / kept.mean()),
        measured_coverage=float(kept.mean()),
        n_documents=n_documents,
        n_rejected=last - first + 1,
        budget=budget,
    )


def selective_curve(
    calibration: LetThrough,
    target_risks: Sequence[float],
    firsts: Sequence[int],
    *,
    failure_prob: float,
    bet_cap: float = BET_CAP,
) -> list[SelectiveRisk]:
    """Certified risk against certified coverage; δ is divided, so that all points hold at once.

    Args:
        calibration: of documents that nothing was fixed on.
        target_risks: r of each point, fixed beforehand.
        firsts: first threshold of each point (`first_of`).
        failure_prob: δ of the whole curve.
        bet_cap: as in `selective_risk`.

    Raises what `selective_risk` raises.
    """
    each = failure_prob / max(len(target_risks), 1)
    return [
        selective_risk(calibration, risk, failure_prob=each, first=first, bet_cap=bet_cap)
        for risk, first in zip(target_risks, firsts, strict=True)
    ]
