"""The documents on which pools and bins are fixed, and which sequences leave a pool.

An atom order (a permutation of 0 … m−1, most wanted first) makes the pools nested: J_P is its
first P atoms. With the largest rank of any atom that a sequence uses, "leaves J_P" is one
comparison for every P. Count only positions whose activation is replaced (with the splice no_bos
not BOS), or a sequence would be called outside although its loss is untouched.
"""

import numpy as np

from semdim.bounds.validation import check_pool_size
from semdim.errors import ConfigError, DataError
from semdim.ledger.rows import Rows, stretches


def calibration_documents(documents: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """The documents on which pools and bins are fixed: about `fraction` of the labels, sorted.

    documents: labels 0, 1, 2, … of any sequences. Whether a label is drawn depends on the seed and
    the label alone, not on what the document holds nor on which others are there: the calibration
    documents of a part of a sample are those of the whole that lie in it.

    Raises ConfigError for a fraction outside (0, 1); DataError for labels that are no such
    numbers, or when calibration or sample would be empty.
    """
    if not 0.0 < fraction < 1.0:
        raise ConfigError(f"The calibration fraction must lie in (0, 1), got {fraction}.")
    distinct = np.unique(documents)
    if not np.issubdtype(distinct.dtype, np.integer) or (len(distinct) and distinct[0] < 0):
        raise DataError("Document labels must be integers 0, 1, 2, …")
    draws = np.random.default_rng(seed).random(int(distinct[-1]) + 1 if len(distinct) else 0)
    chosen = distinct[draws[distinct] < fraction]
    if len(chosen) in (0, len(distinct)):
        raise DataError(
            f"{len(distinct)} documents cannot be split into calibration and sample at fraction "
            f"{fraction}; use more documents."
        )
    return chosen


def outside_pool(max_rank: np.ndarray, pool_size: int, dict_size: int) -> np.ndarray:
    """Whether each sequence uses an atom outside J_P, bool, shape of `max_rank`."""
    check_pool_size(pool_size, dict_size)
    return max_rank >= pool_size


def deepest_ranks(ledger: Rows, splice: str) -> np.ndarray:
    """Largest atom rank of every sequence, [S], in the order of the rows.

    Reads the columns sequence, is_bos and deepest_rank. With the splice ``no_bos`` BOS is not
    replaced, so its atoms do not count.
    """
    found = []
    for rows in stretches(ledger, ("sequence", "is_bos", "deepest_rank")):
        replaced = rows if splice == "all" else rows[~rows["is_bos"]]
        found.append(np.asarray(replaced.groupby("sequence", sort=False)["deepest_rank"].max()))
    return np.concatenate(found)
