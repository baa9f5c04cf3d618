"""How well a score ranks items that are wrong above items that are right: AUROC and AUPR."""

import numpy as np
from jaxtyping import Bool, Float, Int

from semdim.errors import DataError
from semdim.mistakes.grouping import Groups, check_items, groups_of


def check_both(is_wrong: Bool[np.ndarray, " items"]) -> None:
    """Refuse items that are all right or all wrong.

    Raises:
        DataError: with how many there are of each.
    """
    n_wrong = int(is_wrong.sum())
    if n_wrong in (0, len(is_wrong)):
        raise DataError(
            f"{n_wrong} of {len(is_wrong)} items are wrong: ranking the wrong above the right "
            "needs at least one of each."
        )


def auroc_of(
    right: Float[np.ndarray, "resamples groups"], wrong: Float[np.ndarray, "resamples groups"]
) -> Float[np.ndarray, " resamples"]:
    """AUROC from counts per group, smallest score first; NaN where a class is empty."""
    below = np.cumsum(right, axis=1) - right / 2
    pairs = right.sum(axis=1) * wrong.sum(axis=1)
    won = (wrong * below).sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def aupr_of(
    right: Float[np.ndarray, "resamples groups"], wrong: Float[np.ndarray, "resamples groups"]
) -> Float[np.ndarray, " resamples"]:
    """Average precision from counts per group; NaN where nothing is wrong."""
    caught = np.cumsum(wrong[:, ::-1], axis=1)
    alarms = caught + np.cumsum(right[:, ::-1], axis=1)
    precision = caught / np.maximum(alarms, 1)
    n_wrong = caught[:, -1]
    total = (wrong[:, ::-1] * precision).sum(axis=1)
    return np.divide(total, n_wrong, out=np.full(len(total), np.nan), where=n_wrong > 0)


def auroc(score: Float[np.ndarray, " items"], is_wrong: Bool[np.ndarray, " items"]) -> float:
    """P(a wrong item scores above a right one), ties counted as a half.

    Raises:
        DataError: a score is not finite, or all items are right, or all wrong.
    """
    return float(auroc_of(*_counts(score, is_wrong))[0])


def aupr(score: Float[np.ndarray, " items"], is_wrong: Bool[np.ndarray, " items"]) -> float:
    """Average precision of finding the wrong items; its floor is their share. Raises as `auroc`."""
    return float(aupr_of(*_counts(score, is_wrong))[0])


def auroc_within(
    score: Float[np.ndarray, " items"],
    is_wrong: Bool[np.ndarray, " items"],
    document: Int[np.ndarray, " items"],
) -> tuple[Float[np.ndarray, " documents"], Float[np.ndarray, " documents"]]:
    """Of each document, pairs of a wrong and a right item, and how many the score ranks rightly.

    The share of pairs won is the AUROC within documents: what tells documents apart is no help.
    """
    codes = np.unique(document, return_inverse=True)[1]
    order = np.lexsort((score, codes))
    ends = np.flatnonzero(np.diff(codes[order])) + 1
    won, pairs = [], []
    for part in np.split(order, ends):
        groups, wrong = groups_of(score[part]), is_wrong[part].astype(np.float64)
        n_wrong = groups.per_document(wrong)
        n_right = groups.per_document() - n_wrong
        n_pairs = float(n_right.sum() * n_wrong.sum())
        pairs.append(n_pairs)
        won.append(float(auroc_of(n_right, n_wrong)[0]) * n_pairs if n_pairs else 0.0)
    return np.array(won), np.array(pairs)


def resampled_counts(
    groups: Groups,
    is_wrong: Bool[np.ndarray, " items"],
    multiplicities: Int[np.ndarray, "resamples documents"],
) -> tuple[np.ndarray, np.ndarray]:
    """Right and wrong items per group, [resamples, groups] each, for `auroc_of` and `aupr_of`."""
    weight = multiplicities.astype(np.float64)
    wrong = weight @ groups.per_document(is_wrong.astype(np.float64))
    return weight @ groups.per_document() - wrong, wrong


def _counts(
    score: Float[np.ndarray, " items"], is_wrong: Bool[np.ndarray, " items"]
) -> tuple[np.ndarray, np.ndarray]:
    check_items(np.asarray(is_wrong, dtype=np.float64), len(score))
    check_both(is_wrong)
    groups = groups_of(score)
    wrong = groups.per_document(is_wrong.astype(np.float64))
    return groups.per_document() - wrong, wrong
