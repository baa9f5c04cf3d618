"""Rates of the alarm on documents that did not calibrate it; the unit is a document."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool

from semdim.uncertainty.alarm_calibration import Calibration
from semdim.uncertainty.alarm_levels import DocumentLevels
from semdim.uncertainty.conformal import bootstrap_mean
from semdim.uncertainty.guardrail import Measured, Rates
from semdim.uncertainty.rows import generator
from semdim.uncertainty.spec import UncertaintySpec


def measure(
    levels: DocumentLevels,
    flagged: Bool[np.ndarray, " documents"],
    spec: UncertaintySpec,
    rng: np.random.Generator,
) -> Rates:
    """The share of documents that raise the alarm, with its interval."""
    values = flagged.astype(np.float64)
    low: float | None = None
    high: float | None = None
    if len(values) > 1:  # one document says nothing about how documents vary
        low, high = bootstrap_mean(values, spec.n_resamples, spec.confidence, rng)
    return Rates(float(values.mean()), low, high, int(levels.n_sequences.sum()), len(values))


def measured(
    calibration: Calibration,
    evaluation: DocumentLevels,
    shifts: Mapping[str, DocumentLevels],
    with_confidence: bool,
    spec: UncertaintySpec,
    seed: int,
) -> Measured:
    """What the alarm does on the evaluation documents of the ID corpus and on shifts.

    Documents of a shift that were made from calibration documents must not be among them.
    """

    def rates(levels: DocumentLevels, purpose: str) -> Rates:
        rng = generator(seed, f"guardrail/bootstrap/{purpose}")
        return measure(levels, calibration.flagged(levels, with_confidence), spec, rng)

    by_length = {
        str(length): rates(evaluation.of(evaluation.n_sequences == length), f"id/{length}")
        for length in np.unique(evaluation.n_sequences)
    }
    return Measured(
        false_alarms=rates(evaluation, "id"),
        false_alarms_by_length=by_length,
        detection={name: rates(levels, name) for name, levels in shifts.items()},
    )


def measured_by_group(
    calibration: Calibration,
    evaluation: DocumentLevels,
    groups: Mapping[int, str],
    spec: UncertaintySpec,
    seed: int,
) -> dict[str, Rates]:
    """False alarms of each group's own thresholds on its evaluation documents."""
    label = np.array([groups.get(int(number), "") for number in evaluation.document], dtype=object)
    scores = calibration.scores(evaluation)
    found = {}
    for name, cut in calibration.groups.items():
        own = label == name
        if isinstance(cut, int) or not own.any():
            continue
        rng = generator(seed, f"guardrail/bootstrap/group/{name}")
        found[name] = measure(evaluation.of(own), scores[own] > cut.score, spec, rng)
    return found
