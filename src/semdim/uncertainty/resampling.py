"""Which documents a bootstrap resample holds: those of the ID corpus and of a shift, drawn alike
for every score, so that differences between scores are paired.

**A near shift is made from ID documents, and its documents are drawn with theirs.** A hard article
is hard in both versions; drawn apart, the two would vary as if they had nothing to do with each
other, and the interval would be that of another experiment.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from semdim.ledger.rows import Rows, stretches
from semdim.uncertainty.metrics import draw_multiplicities
from semdim.uncertainty.rows import generator


@dataclass(frozen=True)
class Resampling:
    """Documents of the ID corpus and of a shift, and how often each resample holds them."""

    id_documents: Int[np.ndarray, " id_documents"]
    """Numbers of the ID documents, ascending."""
    ood_documents: Int[np.ndarray, " ood_documents"]
    """Numbers of the shift's documents, ascending."""
    draws: Int[np.ndarray, "resamples documents"] | None
    """Times that each is drawn, ID documents first; None when a corpus is a single document."""

    @classmethod
    def of(cls, id_rows: Rows, rows: Rows, n_resamples: int, seed: int, shift: str) -> "Resampling":
        """Draw documents with replacement; pairs of an ID document and its copy together.

        Args:
            id_rows: counted rows of the ID documents.
            rows: counted rows of the shift; ``origin`` is the ID document that a document was made
                from, or −1. Without that column, all of them are other texts.
            n_resamples: number of resamples.
            seed: of the whole run.
            shift: name of the shift, which decides the draws.
        """
        id_documents, _ = _documents(id_rows)
        ood_documents, origin = _documents(rows)
        draws = None
        if min(len(id_documents), len(ood_documents)) > 1:
            rng = generator(seed, f"bootstrap/{shift}")
            if np.isin(origin, id_documents).any():
                draws = _paired(id_documents, origin, n_resamples, rng)
            else:
                own = generator(seed, "bootstrap/id")
                draws = np.hstack(
                    [
                        draw_multiplicities(len(id_documents), n_resamples, own),
                        draw_multiplicities(len(ood_documents), n_resamples, rng),
                    ]
                )
        return cls(id_documents, ood_documents, None if draws is None else draws.astype(np.int32))


def _documents(
    rows: Rows,
) -> tuple[Int[np.ndarray, " documents"], Int[np.ndarray, " documents"]]:
    """The documents, ascending, and the origin of each; −1 where there is no such column."""
    columns = ("document", "origin") if "origin" in rows.columns else ("document",)
    found: dict[int, int] = {}
    for part in stretches(rows, columns):
        documents, first = np.unique(part["document"].to_numpy(dtype=np.int64), return_index=True)
        origin = np.full(len(documents), -1)
        if "origin" in columns:
            origin = part["origin"].to_numpy(dtype=np.int64)[first]
        found |= dict(zip(documents.tolist(), origin.tolist(), strict=True))
    documents = np.array(sorted(found), dtype=np.int64)
    return documents, np.array([found[number] for number in documents.tolist()], dtype=np.int64)


def _paired(
    id_documents: Int[np.ndarray, " id_documents"],
    origin: Int[np.ndarray, " ood_documents"],
    n_resamples: int,
    rng: np.random.Generator,
) -> Int[np.ndarray, "resamples documents"]:
    """Pairs are drawn among pairs, the other documents of either corpus among themselves, so that
    no resample lacks a corpus of which few documents have a partner."""
    has_copy = np.isin(id_documents, origin)
    is_copy = np.isin(origin, id_documents)
    drawn_id = np.zeros((n_resamples, len(id_documents)), dtype=np.int64)
    drawn_ood = np.zeros((n_resamples, len(origin)), dtype=np.int64)
    for drawn, group in ((drawn_id, has_copy), (drawn_id, ~has_copy), (drawn_ood, ~is_copy)):
        if group.any():
            drawn[:, group] = draw_multiplicities(int(group.sum()), n_resamples, rng)
    drawn_ood[:, is_copy] = drawn_id[:, np.searchsorted(id_documents, origin[is_copy])]
    return np.hstack([drawn_id, drawn_ood])
