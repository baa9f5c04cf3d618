"""In which order atoms enter a pool: arrays in, a permutation of the atoms out."""

import numpy as np

from semdim.errors import DataError


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


def _order(values: np.ndarray, name: str, least: float) -> np.ndarray:
    if values.ndim != 1 or len(values) == 0:
        raise DataError(f"{name} must hold one number per atom, got shape {values.shape}.")
    if not np.isfinite(values).all() or values.min() < least:
        raise DataError(f"{name} must be finite{' and not negative' if least == 0.0 else ''}.")
    return np.argsort(-values.astype(np.float64), kind="stable")
