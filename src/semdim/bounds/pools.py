"""Which atoms a pool holds, and which sequences leave it: arrays in, arrays out.

An atom order (a permutation of 0 … m−1, most wanted first) makes the pools nested: J_P is its
first P atoms. With the largest rank of any atom that a sequence uses, "leaves J_P" is one
comparison for every P. Count only positions whose activation is replaced (with the splice no_bos
not BOS), or a sequence would be called outside although its loss is untouched.
"""

import numpy as np

from semdim.bounds.validation import check_pool_size
from semdim.errors import ConfigError, DataError


def calibration_documents(documents: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """The documents on which pools and bins are fixed: about `fraction` of the labels, sorted.

    documents: labels 0, 1, 2, … of any sequences. Whether a label is drawn depends on the seed and
    the label alone, not on what the document holds nor on which others are there: the calibration
    documents of a part of a sample are those of the whole that lie in it.

    Raises ConfigError for a fraction outside (0, 1); DataError for labels that are no such
    numbers, or when calibration or sample would be empty.
    """
    if not 0.0 < fraction < 1.0:
        raise ConfigError(f"the calibration fraction must lie in (0, 1), got {fraction}.")
    distinct = np.unique(documents)
    if not np.issubdtype(distinct.dtype, np.integer) or (len(distinct) and distinct[0] < 0):
        raise DataError("document labels must be integers 0, 1, 2, …")
    draws = np.random.default_rng(seed).random(int(distinct[-1]) + 1 if len(distinct) else 0)
    chosen = distinct[draws[distinct] < fraction]
    if len(chosen) in (0, len(distinct)):
        raise DataError(
            f"{len(distinct)} documents cannot be split into calibration and sample at fraction "
            f"{fraction}; use more documents."
        )
    return chosen


def atom_order_by_frequency(document_counts: np.ndarray) -> np.ndarray:
    """Atoms by the number of tokens that use them, most first, [m]; ties by atom index.

    document_counts: counts of active tokens, [m], or [n_documents, m] for the calibration
    documents (which are then summed). Raises DataError for negative or missing counts.
    """
    counts = np.asarray(document_counts)
    totals = counts.sum(axis=0) if counts.ndim == 2 else counts
    return _order(totals, "atom counts", least=0.0)


def atom_order_by_importance(importance: np.ndarray) -> np.ndarray:
    """Atoms by how much the loss rises when they are ablated, most first, [m]; ties by index."""
    return _order(np.asarray(importance), "ablation importance", least=-np.inf)


def atom_ranks(order: np.ndarray) -> np.ndarray:
    """Rank of every atom (0 = most wanted), [m]: the inverse permutation of `order`."""
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    if not np.array_equal(np.sort(order), np.arange(len(order))):
        raise DataError("an atom order must hold each atom exactly once.")
    return ranks


def atom_counts(atoms: np.ndarray, dict_size: int) -> np.ndarray:
    """Number of tokens that use each atom, [m], from the atom indices of all tokens, [nnz]."""
    if len(atoms) and (atoms.min() < 0 or atoms.max() >= dict_size):
        raise DataError(f"atom indices must lie in 0 … {dict_size - 1}.")
    return np.bincount(atoms, minlength=dict_size)


def max_rank_per_sequence(
    atoms: np.ndarray, sequence: np.ndarray, ranks: np.ndarray, n_sequences: int
) -> np.ndarray:
    """Largest rank of any atom that a sequence uses, [n_sequences]; −1 for one that uses none.

    atoms, sequence: atom index and sequence of every non-zero code, [nnz] (a shard's CSR indices,
    and its rows repeated). Results of several shards combine by `np.maximum`.
    """
    if atoms.shape != sequence.shape:
        raise DataError(f"{len(atoms)} atoms were given for {len(sequence)} sequence indices.")
    largest = np.full(n_sequences, -1, dtype=np.int64)
    np.maximum.at(largest, sequence, ranks[atoms])
    return largest


def outside_pool(max_rank: np.ndarray, pool_size: int, dict_size: int) -> np.ndarray:
    """Whether each sequence uses an atom outside J_P, bool, shape of `max_rank`."""
    check_pool_size(pool_size, dict_size)
    return max_rank >= pool_size


def _order(values: np.ndarray, name: str, least: float) -> np.ndarray:
    if values.ndim != 1 or len(values) == 0:
        raise DataError(f"{name} must hold one number per atom, got shape {values.shape}.")
    if not np.isfinite(values).all() or values.min() < least:
        raise DataError(f"{name} must be finite{' and not negative' if least == 0.0 else ''}.")
    return np.argsort(-values.astype(np.float64), kind="stable")
