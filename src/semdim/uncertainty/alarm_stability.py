"""How much the guardrail depends on which documents happened to calibrate it."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int

from semdim.uncertainty.alarm_calibration import calibrate
from semdim.uncertainty.alarm_levels import DocumentLevels, Rule
from semdim.uncertainty.guardrail import Spread, Stability
from semdim.uncertainty.rows import generator, split_documents
from semdim.uncertainty.spec import UncertaintySpec


def spread(values: Sequence[float]) -> Spread:
    """Mean, deviation and quantiles."""
    array = np.asarray(values)
    low, middle, high = np.quantile(array, [0.05, 0.5, 0.95])
    return Spread(
        mean=float(array.mean()),
        std=float(array.std()),
        min=float(array.min()),
        q05=float(low),
        q50=float(middle),
        q95=float(high),
        max=float(array.max()),
    )


def stability(
    familiar: DocumentLevels,
    shifts: Mapping[str, DocumentLevels],
    made_from: Mapping[str, Int[np.ndarray, " documents"]],
    rules: Sequence[Rule],
    spec: UncertaintySpec,
    seed: int,
) -> Stability:
    """What fresh splits of the ID documents would have given: choice, calibration, rates.

    ``made_from`` has the ID document behind each document of a shift, or −1: copies of documents
    that a split calibrates on are left out of its rates. The mean false-alarm rate over splits is
    the measured counterpart of the promise, which is an average over calibration samples.
    """
    chosen: Counter[str] = Counter()
    rates: dict[bool, list[float]] = {False: [], True: []}
    detections: dict[str, list[float]] = {name: [] for name in shifts}
    rng = generator(seed, "guardrail/stability")
    for _ in range(spec.n_splits):
        split = split_documents(familiar.document, spec.fit_share, rng)
        found = calibrate(familiar.of_documents(split.fit), rules, spec, rng)
        chosen.update({rule.statistic for rule in found.rules})
        evaluation = familiar.of_documents(split.evaluation)
        for with_confidence, values in rates.items():
            if found.cut.at(with_confidence) is not None:
                values.append(float(found.flagged(evaluation, with_confidence).mean()))
        for name, levels in shifts.items():
            apart = levels.of(~np.isin(made_from[name], split.fit))
            if len(apart.document):
                detections[name].append(float(found.flagged(apart).mean()))
    return Stability(
        n_splits=spec.n_splits,
        chosen=dict(sorted(chosen.items())),
        false_alarm_rate=spread(rates[False]),
        false_alarm_rate_with_confidence=spread(rates[True]) if rates[True] else None,
        detection={name: spread(values) for name, values in detections.items() if values},
    )
