"""The guardrail: an alarm on the number of active atoms, calibrated on ID documents.

What is promised, and why it holds, stands in ``alarm_calibration``. Here the promise is put into
words and thresholds, and measured: on the ID documents kept for evaluation, on every shift, and
over fresh splits.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int

from semdim.ledger.means import Counts
from semdim.ledger.rows import Rows, context_of, stretches
from semdim.tokens.positions import counted
from semdim.uncertainty.alarm_calibration import Calibration, Cut, calibrate
from semdim.uncertainty.alarm_choice import CRITERION
from semdim.uncertainty.alarm_levels import (
    document_levels,
    looks_of,
    rules_of,
    sequence_documents,
)
from semdim.uncertainty.alarm_measure import measured, measured_by_group
from semdim.uncertainty.alarm_stability import stability
from semdim.uncertainty.alarm_words import guarantee, guarantee_with_confidence, rule_in_words
from semdim.uncertainty.conformal import rate_given_calibration
from semdim.uncertainty.guardrail import (
    Alarm,
    Choice,
    FixedRule,
    GroupLimits,
    Guardrail,
    Limit,
)
from semdim.uncertainty.rows import DocumentSplit, generator
from semdim.uncertainty.spec import UncertaintySpec

QUANTILES = (5, 25, 50, 75, 95, 99)
"""Of tokens, in percent."""


def _limits(calibration: Calibration, cut: Cut) -> tuple[Limit, ...]:
    marginal = calibration.scale.thresholds(cut.score)
    larger = (
        [None] * len(marginal)
        if cut.score_with_confidence is None
        else [float(limit) for limit in calibration.scale.thresholds(cut.score_with_confidence)]
    )
    return tuple(
        Limit(rule.statistic, rule.n_tokens, float(threshold), high)
        for rule, threshold, high in zip(calibration.rules, marginal, larger, strict=True)
    )


def _alarm(
    calibration: Calibration,
    at_most: int,
    quantiles: dict[str, float],
    spec: UncertaintySpec,
) -> Alarm:
    cut = calibration.cut
    limits = _limits(calibration, cut)
    n_tokens, rate = limits[-1].n_tokens, spec.false_alarm_rate
    return Alarm(
        rule=rule_in_words(limits, spec.window, at_most),
        limits=limits,
        moving_length=spec.window,
        sequences_per_document=at_most,
        false_alarm_rate=spec.false_alarm_rate,
        confidence=spec.guardrail_confidence,
        false_alarm_rate_given_calibration=rate_given_calibration(
            cut.n_calibration, spec.false_alarm_rate, spec.guardrail_confidence
        ),
        guarantee=guarantee(at_most, n_tokens, rate),
        guarantee_with_confidence=guarantee_with_confidence(
            at_most, n_tokens, rate, spec.guardrail_confidence
        ),
        n_choice=calibration.n_choice,
        n_calibration=cut.n_calibration,
        rank=cut.rank,
        rank_with_confidence=cut.rank_with_confidence,
        groups={
            name: GroupLimits(found, ())
            if isinstance(found, int)
            else GroupLimits(found.n_calibration, _limits(calibration, found))
            for name, found in calibration.groups.items()
        },
        token_quantiles=quantiles,
    )


def _token_quantiles(tokens: Rows, documents: Int[np.ndarray, " documents"]) -> dict[str, float]:
    """n_active of the documents' tokens that count."""
    n_active = Counts(limit=0)
    for rows in stretches(tokens, ("document", "n_active", "is_bos", "position")):
        own = counted(rows[np.isin(rows["document"].to_numpy(), documents)])
        n_active.add(own["n_active"].to_numpy(dtype=np.int64))
    found = n_active.linear_quantiles([percent / 100 for percent in QUANTILES])
    return {str(percent): value for percent, value in zip(QUANTILES, found, strict=True)}


def guardrail(
    id_tokens: Rows,
    shifts: Mapping[str, Rows],
    origin: Mapping[str, Int[np.ndarray, " documents"]],
    split: DocumentSplit,
    fixed_rule: FixedRule,
    spec: UncertaintySpec,
    seed: int,
    groups: Sequence[str] | None = None,
) -> Guardrail:
    """Calibrate on the fit documents, measure on the evaluation documents and on every shift.

    Args:
        id_tokens: a row per token of the ID sample, ordered (``rows.check_tokens``).
        shifts: the same of each other corpus.
        origin: for each document of a shift, by ascending number, the ID document it was made from,
            or −1.
        split: which ID documents may be calibrated on.
        fixed_rule: the paper's rule on all corpora, to stand beside.
        spec: settings.
        seed: of the whole run.
        groups: a label, such as the source, for each ID document by its number: the alarm gets
            thresholds for each group as well.

    Raises ``DataError`` when there are too few calibration documents for the rate promised, and
    ``ConfigError`` for an unknown statistic.
    """
    at_most = int(np.unique(sequence_documents(id_tokens), return_counts=True)[1].max())
    rules = rules_of(
        spec.guardrail_statistics or spec.guardrail_candidates,
        looks_of(spec.guardrail_looks, context_of(id_tokens) - 1),
    )
    familiar = document_levels(id_tokens, rules, spec.window)
    others = {
        name: document_levels(tokens, rules, spec.window, at_most)
        for name, tokens in shifts.items()
    }
    labels = dict(enumerate(groups)) if groups is not None else {}
    calibration = calibrate(
        familiar.of_documents(split.fit), rules, spec, generator(seed, "guardrail/choice"), labels
    )
    evaluation = familiar.of_documents(split.evaluation)
    apart = {name: levels.of(~np.isin(origin[name], split.fit)) for name, levels in others.items()}
    plain, larger = (
        None
        if calibration.cut.at(with_confidence) is None
        else measured(calibration, evaluation, apart, with_confidence, spec, seed)
        for with_confidence in (False, True)
    )
    assert plain is not None
    return Guardrail(
        alarm=_alarm(
            calibration, at_most, _token_quantiles(id_tokens, calibration.calibrated_on), spec
        ),
        choice=None if calibration.spreads is None else Choice(CRITERION, calibration.spreads),
        measured=plain,
        measured_with_confidence=larger,
        measured_by_group=measured_by_group(calibration, evaluation, labels, spec, seed),
        stability=stability(familiar, others, origin, rules, spec, seed),
        fixed_rule=fixed_rule,
        provenance=None,
    )
