"""The guardrail: an alarm on the number of active atoms, calibrated on ID documents.

The unit of the promise is **one sequence of one document**. Sequences of the same document are
alike, so they are not exchangeable with a fresh document's; documents are. Calibration therefore
draws one sequence from each calibration document, and the rates reported average over the sequences
of a document first. Repeating split and draw shows how much they matter (``stability``).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float

from semdim.uncertainty.conformal import (
    bootstrap_mean,
    conformal_threshold,
    document_rates,
    draw_one_per_document,
    rate_given_calibration,
)
from semdim.uncertainty.guardrail import Alarm, Rates, Spread, Stability, Statistic
from semdim.uncertainty.rows import (
    DocumentSplit,
    generator,
    held_out,
    of_documents,
    split_documents,
)
from semdim.uncertainty.spec import UncertaintySpec

RULES: dict[Statistic, str] = {
    "max_n_active": "alarm when any token of the sequence has n_active above the threshold",
    "window_n_active": "alarm when the mean n_active of any {window} consecutive tokens of the "
    "sequence is above the threshold",
}
GUARANTEE = (
    "If the calibration documents and a new document are exchangeable (drawn alike from the same "
    "source) and one sequence is drawn at random from each, cut and padded as in calibration, then "
    "the chance of an alarm on the new sequence is at most {rate:g}, averaged over calibration "
    "samples. Position 0 and BOS tokens are never looked at. It is no statement about several "
    "sequences of one document at once, about one calibration sample (see "
    "false_alarm_rate_given_calibration), about text from another source, or about detection."
)


def _rates(
    sequences: pd.DataFrame, statistic: Statistic, threshold: float
) -> Float[np.ndarray, " documents"]:
    flagged = (sequences[statistic].to_numpy() > threshold).astype(np.float64)
    return document_rates(flagged, sequences["document"].to_numpy())


def _measure(
    sequences: pd.DataFrame,
    statistic: Statistic,
    threshold: float,
    spec: UncertaintySpec,
    rng: np.random.Generator,
) -> Rates:
    rates = _rates(sequences, statistic, threshold)
    low: float | None = None
    high: float | None = None
    if len(rates) > 1:  # one document says nothing about how documents vary
        low, high = bootstrap_mean(rates, spec.n_resamples, spec.confidence, rng)
    return Rates(float(rates.mean()), low, high, len(sequences), len(rates))


def _spread(values: list[float]) -> Spread:
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


def calibrate(
    sequences: pd.DataFrame,
    statistic: Statistic,
    false_alarm_rate: float,
    rng: np.random.Generator,
) -> tuple[float, int]:
    """Threshold and number of calibration documents, from one sequence per document.

    ``sequences``: a row per sequence of the calibration documents (``sequence_n_active``).
    Raises ``DataError`` when there are too few documents for the rate.
    """
    drawn = draw_one_per_document(sequences["document"].to_numpy(), rng)
    values = sequences[statistic].to_numpy(dtype=np.float64)[drawn]
    return conformal_threshold(values, false_alarm_rate), len(drawn)


def stability(
    id_sequences: pd.DataFrame,
    shifts: Mapping[str, pd.DataFrame],
    statistic: Statistic,
    spec: UncertaintySpec,
    seed: int,
) -> Stability:
    """What a fresh split of the ID documents and a fresh draw of sequences would have given.

    The mean false-alarm rate over splits is the measured counterpart of the promise, which is an
    average over calibration samples.
    """
    thresholds: list[float] = []
    false_alarms: list[float] = []
    detections: dict[str, list[float]] = {name: [] for name in shifts}
    document = id_sequences["document"].to_numpy()
    rng = generator(seed, f"guardrail/{statistic}/stability")
    for _ in range(spec.n_splits):
        split = split_documents(document, spec.fit_share, rng)
        calibration = of_documents(id_sequences, split.fit)
        threshold, _ = calibrate(calibration, statistic, spec.false_alarm_rate, rng)
        evaluation = of_documents(id_sequences, split.evaluation)
        thresholds.append(threshold)
        false_alarms.append(float(_rates(evaluation, statistic, threshold).mean()))
        for name, sequences in shifts.items():
            apart = held_out(sequences, split.fit)
            detections[name].append(float(_rates(apart, statistic, threshold).mean()))
    return Stability(
        n_splits=spec.n_splits,
        threshold=_spread(thresholds),
        false_alarm_rate=_spread(false_alarms),
        detection={name: _spread(values) for name, values in detections.items()},
    )


def calibrated_alarm(
    id_sequences: pd.DataFrame,
    shifts: Mapping[str, pd.DataFrame],
    split: DocumentSplit,
    statistic: Statistic,
    spec: UncertaintySpec,
    seed: int,
) -> Alarm:
    """Calibrate on the fit documents, measure on the evaluation documents and on every shift.

    ``id_sequences`` and each of ``shifts`` hold a row per sequence (``sequence_n_active``), shifts
    also the column ``origin``: the ID document that a sequence was made from, or −1. The
    statistic has no fitted part, so the fit documents are free to calibrate on.

    Raises ``DataError`` when there are too few calibration documents for the rate promised.
    """
    calibration = of_documents(id_sequences, split.fit)
    draw = generator(seed, f"guardrail/{statistic}/draw")
    threshold, n_calibration = calibrate(calibration, statistic, spec.false_alarm_rate, draw)
    evaluation = of_documents(id_sequences, split.evaluation)

    def measure(sequences: pd.DataFrame, corpus: str) -> Rates:
        rng = generator(seed, f"guardrail/{statistic}/bootstrap/{corpus}")
        return _measure(sequences, statistic, threshold, spec, rng)

    measured = measure(evaluation, "id")
    detection = {
        name: measure(held_out(sequences, split.fit), name) for name, sequences in shifts.items()
    }
    return Alarm(
        statistic=statistic,
        rule=RULES[statistic].format(window=spec.window),
        threshold=threshold,
        false_alarm_rate=spec.false_alarm_rate,
        false_alarm_rate_given_calibration=rate_given_calibration(
            n_calibration, spec.false_alarm_rate, spec.confidence
        ),
        guarantee=GUARANTEE.format(rate=spec.false_alarm_rate),
        n_calibration=n_calibration,
        calibration_unit="one sequence per document",
        measured_false_alarm_rate=measured.rate,
        detection_rate={name: rates.rate for name, rates in detection.items()},
        false_alarms=measured,
        detection=detection,
        stability=stability(id_sequences, shifts, statistic, spec, seed),
    )
