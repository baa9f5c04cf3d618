"""Calibrating the alarm: the promise is of a document, whatever in it raises the alarm.

**Theorem.** Let the calibration documents D₁ … Dₙ and a fresh document D be exchangeable, given
whatever was learnt on the choosing documents, which are none of them. Let s(D) be the largest step,
on the scale that was learnt there, over the rules and over the first W sequences of D. The alarm is
s(D) > τ, where τ is the ⌈(n + 1)(1 − a)⌉-th smallest of s(D₁) … s(Dₙ). Then P(alarm) ≤ a.

*Proof.* Given the choosing documents, statistic and scale are fixed functions, so s(D₁) … s(Dₙ)
and s(D) are n + 1 exchangeable numbers. Let r = ⌈(n + 1)(1 − a)⌉. The r-th smallest of the first n
is at least the r-th smallest of all n + 1, and at most n + 1 − r ≤ (n + 1)a of all lie above that
one; each is equally likely to be among them. And s is a maximum over sequences, looks and rules, so
s(D) > τ says that *some* sequence exceeds *some* threshold at *some* look: the alarm as it is
used. □

Where a text ends early it is looked at less often, so the alarm only gets rarer. Beyond W sequences
nothing is promised. For one calibration sample the larger order statistic of
``order_statistic_with_confidence`` holds with a stated confidence, if documents are independent.

With ``groups`` τ is taken from each group's own documents (Mondrian conformal prediction: Vovk,
Gammerman & Shafer 2005, section 4.5), so that the same holds within each group.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from semdim.errors import DataError
from semdim.uncertainty.alarm_choice import smallest, spreads
from semdim.uncertainty.alarm_levels import DocumentLevels, Rule
from semdim.uncertainty.common_scale import CommonScale
from semdim.uncertainty.conformal import order_statistic, order_statistic_with_confidence
from semdim.uncertainty.rows import split_documents
from semdim.uncertainty.spec import UncertaintySpec


@dataclass(frozen=True)
class Cut:
    """Where documents' scores are cut."""

    n_calibration: int
    """Documents calibrated on."""
    rank: int
    """Which order statistic of their scores is the threshold."""
    score: float
    """Its value: alarm above it."""
    rank_with_confidence: int | None
    """Which one holds with confidence; None: too few documents."""
    score_with_confidence: float | None
    """Its value."""

    @classmethod
    def of(cls, scores: Float[np.ndarray, " documents"], spec: UncertaintySpec) -> "Cut":
        """From the scores of the calibration documents.

        Raises ``DataError`` when they are too few for ``spec.false_alarm_rate``.
        """
        ascending, n = np.sort(scores), len(scores)
        rank = order_statistic(n, spec.false_alarm_rate)
        try:
            larger = order_statistic_with_confidence(
                n, spec.false_alarm_rate, spec.guardrail_confidence
            )
        except DataError:
            return cls(n, rank, float(ascending[rank - 1]), None, None)
        # With a low confidence the order statistic could be the smaller one: the promise on average
        # must hold as well.
        larger = max(rank, larger)
        return cls(n, rank, float(ascending[rank - 1]), larger, float(ascending[larger - 1]))

    def at(self, with_confidence: bool) -> float | None:
        """The score above which there is an alarm."""
        return self.score_with_confidence if with_confidence else self.score


@dataclass(frozen=True)
class Calibration:
    """What calibration found: rules, their scale, where it is cut."""

    rules: tuple[Rule, ...]
    """The rules in use."""
    columns: tuple[int, ...]
    """Their columns among all that were computed."""
    spreads: dict[str, float | None] | None
    """The criterion of each candidate; None when there was nothing to choose."""
    n_choice: int
    """Documents that the choice and the scale come from."""
    calibrated_on: Int[np.ndarray, " documents"]
    """Numbers of the documents that the cut comes from."""
    scale: CommonScale
    """On which documents are compared."""
    cut: Cut
    """For every document."""
    groups: dict[str, Cut | int]
    """By group: its own cut, or the number of its documents when they are too few."""

    def scores(self, levels: DocumentLevels) -> Float[np.ndarray, " documents"]:
        """Of documents under all the rules that were computed."""
        return self.scale.score(levels.values[:, list(self.columns)])

    def flagged(
        self, levels: DocumentLevels, with_confidence: bool = False
    ) -> Bool[np.ndarray, " documents"]:
        """Which documents raise the alarm. With confidence there must be a cut for it."""
        limit = self.cut.at(with_confidence)
        assert limit is not None
        return self.scores(levels) > limit


def calibrate(
    levels: DocumentLevels,
    rules: Sequence[Rule],
    spec: UncertaintySpec,
    rng: np.random.Generator,
    groups: Mapping[int, str] | None = None,
) -> Calibration:
    """Choose the statistic and its scale on some documents, and cut the scores of the others.

    Args:
        levels: of the documents that may be calibrated on, under ``rules``.
        rules: every statistic (of ``spec.guardrail_statistics``, or without any of
            ``spec.guardrail_candidates``) at every look.
        spec: settings.
        rng: draws the documents for the choice.
        groups: the group of each document by its number, for a cut of its own.

    Raises ``DataError`` when there are too few documents for the rate promised.
    """
    calibration, reference = levels, None
    if len(rules) > 1:
        parts = split_documents(levels.document, spec.guardrail_choice_share, rng)
        reference = levels.of_documents(parts.fit)
        calibration = levels.of_documents(parts.evaluation)
    found = None
    columns = tuple(range(len(rules)))
    if not spec.guardrail_statistics and reference is not None:
        of_statistic = {
            name: [at for at, rule in enumerate(rules) if rule.statistic == name]
            for name in dict.fromkeys(rule.statistic for rule in rules)
        }
        found = spreads({name: reference.values[:, at[-1]] for name, at in of_statistic.items()})
        columns = tuple(of_statistic[smallest(found)])
    scale = CommonScale(None)
    if len(columns) > 1 and reference is not None:
        scale = CommonScale.of(reference.values[:, list(columns)])
    scores = scale.score(calibration.values[:, list(columns)])
    return Calibration(
        rules=tuple(rules[at] for at in columns),
        columns=columns,
        spreads=found,
        n_choice=0 if reference is None else len(reference.document),
        calibrated_on=calibration.document,
        scale=scale,
        cut=Cut.of(scores, spec),
        groups=_cuts(scores, calibration.document, groups or {}, spec),
    )


def _cuts(
    scores: Float[np.ndarray, " documents"],
    document: Int[np.ndarray, " documents"],
    groups: Mapping[int, str],
    spec: UncertaintySpec,
) -> dict[str, Cut | int]:
    """The cut of each group, from its own documents."""
    found: dict[str, Cut | int] = {}
    label = np.array([groups.get(int(number), "") for number in document], dtype=object)
    for name in sorted(set(groups.values())):
        own = scores[label == name]
        try:
            found[name] = Cut.of(own, spec)
        except DataError:
            found[name] = len(own)
    return found
