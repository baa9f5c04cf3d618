"""How well a score separates two corpora, with intervals over documents.

The OOD corpus is the positive class; point values are read off its ROC curve. Tokens of a document
are not independent, so intervals resample documents: a resample is a vector of multiplicities per
document, and every metric of it is read off counts per document that were made once.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array
from sklearn.metrics import roc_curve

from semdim.errors import DataError

TRUE_POSITIVE_RATE = 0.95
MOST_GROUPS = 2048
"""Thresholds that a resample looks at, at most. A sample has fewer sequences than that; tokens, of
which there are far more, would cost half a minute."""


MOST_DENSE = 2**22
"""Entries of a matrix of counts, of documents by groups, beyond which it is a sparse one."""
AT_ONCE = 50
"""Resamples that are multiplied with the counts at once."""


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
        raise DataError("A score has values that are not finite, so it cannot be ranked.")


def _stack(
    id_value: Float[np.ndarray, " id_items"], ood_value: Float[np.ndarray, " ood_items"]
) -> tuple[Bool[np.ndarray, " items"], Float[np.ndarray, " items"]]:
    check_classes(id_value, ood_value)
    is_ood = np.repeat([False, True], [id_value.size, ood_value.size])
    return is_ood, np.concatenate([id_value, ood_value])


def separation(
    id_value: Float[np.ndarray, " id_items"], ood_value: Float[np.ndarray, " ood_items"]
) -> Separation:
    """Point values off scikit-learn's ROC curve. Raises ``DataError`` as ``check_classes``."""
    is_ood, value = _stack(id_value, ood_value)
    fpr, tpr, _ = roc_curve(is_ood, value, drop_intermediate=False)
    true, false = tpr * ood_value.size, fpr * id_value.size
    precision = true / np.maximum(true + false, 1)
    return Separation(
        auroc=float(np.trapezoid(tpr, fpr)),
        aupr=float((np.diff(tpr) * precision[1:]).sum()),
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
    """Items of both classes in groups of equal score, highest score first; of many documents as
    sparse matrices, since each has items in few groups."""

    id_count: "Float[np.ndarray, 'id_documents groups'] | csr_array"
    """Items of each ID document in each group."""
    ood_count: "Float[np.ndarray, 'ood_documents groups'] | csr_array"
    """The same of each OOD document."""


def rank(
    id_value: Float[np.ndarray, " id_items"],
    id_document: Int[np.ndarray, " id_items"],
    ood_value: Float[np.ndarray, " ood_items"],
    ood_document: Int[np.ndarray, " ood_items"],
    n_id_documents: int,
    most_groups: int = MOST_GROUPS,
) -> Ranking:
    """Sort and count; documents are codes 0 … n−1 within each class.

    Where there are more than ``most_groups`` different scores, neighbours whose first items lie
    within the same 1/most_groups of the ranking share a group.

    Raises ``DataError`` as ``check_classes``.
    """
    is_ood, value = _stack(id_value, ood_value)
    order = np.argsort(-value, kind="stable")
    ordered = value[order]
    start = np.append(True, ordered[1:] != ordered[:-1])
    if start.sum() > most_groups:
        # A new group where the first item of an old one lies in another 1/most_groups of all.
        share = np.arange(len(order)) * most_groups // len(order)
        first = np.maximum.accumulate(np.where(start, share, 0))
        start = np.append(True, first[1:] != first[:-1])
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.cumsum(start) - 1
    n_groups = int(start.sum())
    sides = []
    for side, document, n_documents in (
        (~is_ood, id_document, n_id_documents),
        (is_ood, ood_document, int(ood_document.max()) + 1),
    ):
        sides.append(_counted(document, group[side], (n_documents, n_groups)))
    return Ranking(*sides)


def _counted(
    document: Int[np.ndarray, " items"], group: Int[np.ndarray, " items"], shape: tuple[int, int]
) -> "Float[np.ndarray, 'documents groups'] | csr_array":
    """How many items each document has in each group."""
    if shape[0] * shape[1] > MOST_DENSE:
        return csr_array((np.ones(len(document)), (document, group)), shape=shape)
    place = document * shape[1] + group
    count = np.bincount(place, minlength=shape[0] * shape[1])
    return count.reshape(shape).astype(np.float64)


def draw_multiplicities(
    n_documents: int, n_resamples: int, rng: np.random.Generator
) -> Int[np.ndarray, "resamples documents"]:
    """How often each document occurs in each resample of n_documents drawn with replacement."""
    return rng.multinomial(n_documents, np.full(n_documents, 1 / n_documents), size=n_resamples)


def resampled_separation(
    ranking: Ranking, multiplicities: Int[np.ndarray, "resamples documents"]
) -> Separation:
    """The metrics when each item counts as often as its document was drawn.

    Equal, to rounding, to repeating the rows and sorting again, unless neighbours were merged.
    ``multiplicities`` holds the ID documents' columns, then those of the OOD documents.

    Raises ``DataError`` when a resample has no item of one class.
    """
    n_id_documents = ranking.id_count.shape[0]
    n_documents = n_id_documents + ranking.ood_count.shape[0]
    missed = _drawn(multiplicities[:, :n_id_documents], ranking.id_count)
    gained = _drawn(multiplicities[:, n_id_documents:n_documents], ranking.ood_count)
    false, true = np.cumsum(missed, axis=1), np.cumsum(gained, axis=1)
    n_id, n_ood = false[:, -1], true[:, -1]
    if empty := np.flatnonzero((n_ood == 0) | (n_id == 0)).tolist():
        raise DataError(f"Resample {empty[0]} draws no document of one class.")
    won = (missed * (2 * true - gained)).sum(axis=1)
    precision = true / np.maximum(true + false, 1)
    enough = (true / n_ood[:, None] < TRUE_POSITIVE_RATE).sum(axis=1)
    return Separation(
        auroc=won / (2 * n_ood * n_id),
        aupr=(gained * precision).sum(axis=1) / n_ood,
        fpr_at_95_tpr=false[np.arange(len(false)), enough] / n_id,
    )


def _drawn(
    times: Int[np.ndarray, "resamples documents"],
    count: "Float[np.ndarray, 'documents groups'] | csr_array",
) -> Float[np.ndarray, "resamples groups"]:
    """Items of each resample in each group: sums of whole numbers, so the same in any order. A few
    resamples at a time, since the product is of floating-point numbers."""
    found = np.empty((len(times), count.shape[1]))
    for first in range(0, len(times), AT_ONCE):
        rows = slice(first, first + AT_ONCE)
        found[rows] = times[rows].astype(np.float64) @ count
    return found


def percentile_interval(
    values: Float[np.ndarray, " resamples"], confidence: float
) -> tuple[float, float]:
    """The central share ``confidence`` of the resampled values."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
