"""How well a score separates two corpora, with intervals over documents.

The OOD corpus is the positive class. Point values come from scikit-learn. Tokens of one document
are not independent, so intervals resample documents: a resample is a vector of multiplicities per
document, and every metric of it is read off the ranking that was sorted once.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from semdim.errors import DataError

TRUE_POSITIVE_RATE = 0.95


@dataclass(frozen=True)
class Separation:
    """Metrics of one ranking, or arrays of them over resamples."""

    auroc: float | Float[np.ndarray, " resamples"]
    """P(an OOD item scores above an ID item), ties counted as a half."""
    aupr: float | Float[np.ndarray, " resamples"]
    """Average precision of finding OOD items; its floor is their share, n_ood / (n_id + n_ood)."""
    fpr_at_95_tpr: float | Float[np.ndarray, " resamples"]
    """Share of ID items at or above the highest threshold that catches 95 % of the OOD items."""


def check_classes(
    id_value: Float[np.ndarray, " id_items"], ood_value: Float[np.ndarray, " ood_items"]
) -> None:
    """Raise ``DataError`` when a side is empty or a value is not finite."""
    if not id_value.size or not ood_value.size:
        raise DataError(
            f"There are {id_value.size} ID and {ood_value.size} OOD items; separating them needs "
            "at least one of each."
        )
    if not (np.isfinite(id_value).all() and np.isfinite(ood_value).all()):
        raise DataError("A score has values that are not finite; they cannot be ranked.")


def _stack(
    id_value: Float[np.ndarray, " id_items"], ood_value: Float[np.ndarray, " ood_items"]
) -> tuple[Bool[np.ndarray, " items"], Float[np.ndarray, " items"]]:
    check_classes(id_value, ood_value)
    is_ood = np.repeat([False, True], [id_value.size, ood_value.size])
    return is_ood, np.concatenate([id_value, ood_value])


def separation(
    id_value: Float[np.ndarray, " id_items"], ood_value: Float[np.ndarray, " ood_items"]
) -> Separation:
    """Point values through scikit-learn. Raises ``DataError`` as ``check_classes``."""
    is_ood, value = _stack(id_value, ood_value)
    fpr, tpr, _ = roc_curve(is_ood, value, drop_intermediate=False)
    return Separation(
        auroc=float(roc_auc_score(is_ood, value)),
        aupr=float(average_precision_score(is_ood, value)),
        fpr_at_95_tpr=float(fpr[np.argmax(tpr >= TRUE_POSITIVE_RATE)]),
    )


def roc_points(
    id_value: Float[np.ndarray, " id_items"],
    ood_value: Float[np.ndarray, " ood_items"],
    most: int,
) -> Float[np.ndarray, "points 2"]:
    """At most ``most`` points (false, true positive rate) of the ROC curve, with both ends."""
    is_ood, value = _stack(id_value, ood_value)
    fpr, tpr, _ = roc_curve(is_ood, value)  # corners only: points on a line are left out
    keep = np.unique(np.linspace(0, len(fpr) - 1, min(most, len(fpr))).round().astype(int))
    return np.column_stack([fpr[keep], tpr[keep]])


@dataclass(frozen=True)
class Ranking:
    """Items of both classes sorted once, highest score first."""

    is_ood: Bool[np.ndarray, " items"]
    """Class of each item."""
    document: Int[np.ndarray, " items"]
    """Column of the item's document among the multiplicities: ID documents, then OOD documents."""
    tie_end: Int[np.ndarray, " thresholds"]
    """Index of the last item of each group of equal scores: where a threshold can be."""


def rank(
    id_value: Float[np.ndarray, " id_items"],
    id_document: Int[np.ndarray, " id_items"],
    ood_value: Float[np.ndarray, " ood_items"],
    ood_document: Int[np.ndarray, " ood_items"],
    n_id_documents: int,
) -> Ranking:
    """Sort; documents are codes 0 … n−1 within each class. Raises as ``check_classes``."""
    is_ood, value = _stack(id_value, ood_value)
    document = np.concatenate([id_document, ood_document + n_id_documents])
    order = np.argsort(-value, kind="stable")
    ordered = value[order]
    return Ranking(
        is_ood=is_ood[order],
        document=document[order],
        tie_end=np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1),
    )


def draw_multiplicities(
    n_documents: int, n_resamples: int, rng: np.random.Generator
) -> Int[np.ndarray, "resamples documents"]:
    """How often each document occurs in each resample of n_documents drawn with replacement."""
    return rng.multinomial(n_documents, np.full(n_documents, 1 / n_documents), size=n_resamples)


def resampled_separation(
    ranking: Ranking, multiplicities: Int[np.ndarray, "resamples documents"]
) -> Separation:
    """The metrics when each item counts as often as its document was drawn.

    Equal, to rounding, to repeating the rows and sorting anew; counts stay whole numbers.
    ``multiplicities`` holds the ID documents' columns, then those of the OOD documents.

    Raises ``DataError`` when a resample has no item of one class.
    """
    n_resamples = len(multiplicities)
    auroc, aupr, fpr_at = (np.empty(n_resamples) for _ in range(3))
    for index, counts in enumerate(multiplicities):
        weight = counts[ranking.document]
        flagged = np.cumsum(weight)[ranking.tie_end]
        true = np.cumsum(weight * ranking.is_ood)[ranking.tie_end]
        false = flagged - true
        n_ood, n_id = int(true[-1]), int(false[-1])
        if not n_ood or not n_id:
            raise DataError(f"Resample {index} draws no document of one class.")
        gained = np.diff(true, prepend=0)
        missed = np.diff(false, prepend=0)
        auroc[index] = (missed * (2 * true - gained)).sum() / (2 * n_ood * n_id)
        precision = np.divide(true, flagged, out=np.zeros(len(true)), where=flagged > 0)
        aupr[index] = (gained * precision).sum() / n_ood
        enough = np.searchsorted(true / n_ood, TRUE_POSITIVE_RATE)
        fpr_at[index] = false[enough] / n_id
    return Separation(auroc=auroc, aupr=aupr, fpr_at_95_tpr=fpr_at)


def percentile_interval(
    values: Float[np.ndarray, " resamples"], confidence: float
) -> tuple[float, float]:
    """The central share ``confidence`` of the resampled values."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
