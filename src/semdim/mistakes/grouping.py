"""Items in order of a score, counted per document, so that a resample of documents is one product.

Every metric of a ranking here depends on the items only through sums over groups of equal score.
With these sums kept per document, a resample (a vector of multiplicities) needs no sorting.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semdim.errors import DataError

MOST_GROUPS = 1024
"""Groups that a resample looks at, at most."""


@dataclass(frozen=True)
class Groups:
    """Items in groups of equal score, smallest score first."""

    member: Int[np.ndarray, " items"]
    """Group of each item, from 0."""
    document: Int[np.ndarray, " items"]
    """Document of each item, from 0."""
    n_groups: int
    """Groups that have an item."""
    n_documents: int
    """Documents."""

    def per_document(
        self, values: Float[np.ndarray, " items"] | None = None
    ) -> Float[np.ndarray, "documents groups"]:
        """Sum of the values of each document's items in each group; without values, their number.

        Raises:
            DataError: there is not one finite value for each item.
        """
        if values is not None:
            check_items(values, len(self.member))
        place = self.document * self.n_groups + self.member
        sums = np.bincount(place, weights=values, minlength=self.n_documents * self.n_groups)
        return sums.reshape(self.n_documents, self.n_groups).astype(np.float64)


def check_items(values: Float[np.ndarray, " items"], n_items: int) -> None:
    """Refuse values that are not finite, or not one for each item.

    Raises:
        DataError: with what is wrong.
    """
    if values.shape != (n_items,):
        raise DataError(
            f"There are {n_items} items, but the values have shape {values.shape}: give one value "
            "per item."
        )
    if not np.isfinite(values).all():
        n_wrong = int((~np.isfinite(values)).sum())
        raise DataError(
            f"{n_wrong} of {n_items} values are NaN or infinite; leave those items out."
        )


def groups_of(
    score: Float[np.ndarray, " items"],
    document: Int[np.ndarray, " items"] | None = None,
    *,
    most_groups: int | None = None,
) -> Groups:
    """Sort the items by their score.

    Args:
        score: of each item.
        document: of each item, any labels; None: all are of one.
        most_groups: merge neighbours, where there are more different scores: a group then holds
            about the same number of items. None: only equal scores share a group.

    Raises:
        DataError: there are no items, or a score is not finite.
    """
    check_items(score, len(score))
    if not len(score):
        raise DataError("There are no items to rank; give at least one.")
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    starts = np.append(True, ordered[1:] != ordered[:-1])
    if most_groups is not None and starts.sum() > most_groups:
        share = np.arange(len(order)) * most_groups // len(order)
        first = np.maximum.accumulate(np.where(starts, share, 0))
        starts = np.append(True, first[1:] != first[:-1])
    member = np.empty(len(score), dtype=np.int64)
    member[order] = np.cumsum(starts) - 1
    codes = np.zeros(len(score), dtype=np.int64)
    if document is not None:
        codes = np.unique(document, return_inverse=True)[1].astype(np.int64)
    return Groups(member, codes, int(starts.sum()), int(codes.max()) + 1)
