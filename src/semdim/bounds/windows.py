"""Which windows of a document count, and how many documents: what keeps a mean one quantity.

A window is one sequence of the sample: T tokens of one document. The value of a document is its
mean over its first W windows, or over all it has when it has fewer. W is one number for a sample.

**Why.** Let D_1, D_2, … be independent documents of one law, and V_i = v_W(D_i) the value of the
i-th. V_i is a function of D_i alone, so the values are independent draws of one law whose mean is
E v_W(D), at every N. Had a document counted with those of its windows that the first N tokens of
the sample hold, its value would be v_w(D_i), with a w that depends on N and on the document's
place: the mean would be another one at each N, the conditional mean of a bet would move within the
sample, and a certificate would be of nothing that has a name.

**The end of the sample.** A sample lists its documents in rounds: the first window of each, then
the second of each that has one, and so on (blocks of documents one after another, in a large
corpus). It ends after a given number of sequences, mostly within a round. Of a document behind
that place nobody can say whether it has no further window or lost it, so its v_W is not known. Two
repairs would be wrong. Without the documents that may lack a window, those that remain are the
short ones: another law. Stopping in front of the first such document makes their number depend on
their lengths. So W is at most the number of *complete rounds* (`complete_rounds`), an incomplete
last round is left out for everyone, and the table then holds V_1, …, V_n, all of them. A W that the
sample cannot hold is refused. This costs nothing: whether a statement about V_1, …, V_n is wrong
does not depend on whether it is made, so P(made and wrong) ≤ P(wrong) ≤ δ.

**Their number.** At N tokens of a sample of S sequences with n documents, the first
round(n·⌊N/T⌋/S) documents count (`n_documents_at`). That is fixed by settings and by n, not by what
the documents hold. "As many documents as fit into N tokens" would stop at a sum of their lengths;
the document that does not fit is more often a long one, and the others are no sample of the law. So
the tokens that are used are *about* N, and every bound says how many there are.

**What is left to assume.** n itself does not depend on what the documents hold: true in a corpus of
one block (`semdim.text.packing.BLOCK_DOCUMENTS`), where n counts the documents that are long enough
for a window; in a larger one it moves a little with the lengths in the blocks before. And a W that
the settings leave open is the number of complete rounds, which lengths decide (losses do not); one
that is set needs no such assumption.
"""

from dataclasses import dataclass

import numpy as np

from semdim.errors import DataError


@dataclass(frozen=True)
class Windows:
    """Which windows of a document its value is a mean over."""

    context: int
    """T: tokens of a window, BOS included."""
    has_bos: bool
    """Whether each starts with BOS."""
    per_document: int | None = None
    """W: the first W of each document; None: those that the sample's first N tokens hold."""
    is_set: bool = True
    """False when W was left open, and is the sample's number of complete rounds."""


def rounds(document: np.ndarray) -> np.ndarray:
    """How many windows of its document stand before each window, int [S].

    document: the document of every window, in the order of the sample, [S].
    """
    order = np.argsort(document, kind="stable")
    ordered = document[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    counts = np.diff(np.r_[starts, len(ordered)])
    found = np.empty(len(document), dtype=np.int64)
    found[order] = np.arange(len(document)) - np.repeat(starts, counts)
    return found


def complete_rounds(document: np.ndarray, *, is_uncut: bool = False) -> int:
    """The largest W for which no document can have lost one of its first W windows.

    From the order alone: in the last block, whose rounds are those since the first window of a
    document last followed a later one, the sample ends in round r at document p. Every document up
    to p has been asked for a window of that round. So round r is complete if no document behind p
    has the r windows of the rounds before, which is all that one needs to be asked next.

    Args:
        document: the document of every window, in the order of the sample, [S ≥ 1].
        is_uncut: whether it is known that no document has a window that the sample lacks.
    """
    at = rounds(document)
    most = int(at.max()) + 1
    if is_uncut:
        return most
    back_to_first = np.flatnonzero((at[1:] == 0) & (at[:-1] > 0)) + 1
    start = int(back_to_first[-1]) if len(back_to_first) else 0
    block, at = document[start:], at[start:]
    last, in_round = block[-1], int(at[-1])
    if in_round == 0:
        return 1
    before = block[at == in_round - 1]
    place = np.flatnonzero(before == last)
    if not len(place):  # no rounds at all, in this order: only first windows are known to be there
        return 1
    return in_round if place[0] + 1 < len(before) else in_round + 1


def checked_windows(document: np.ndarray, wanted: int | None, *, is_uncut: bool = False) -> int:
    """W: what is wanted, or (None) the number of complete rounds.

    Raises:
        DataError: the sample ends before the round W is complete, or no document has W windows.
    """
    most = int(rounds(document).max()) + 1
    complete = complete_rounds(document, is_uncut=is_uncut)
    if wanted is None or wanted <= min(complete, most):
        return complete if wanted is None else wanted
    if wanted > most:
        reason = f"no document of the sample has more than {most}"
        remedy = "raise tokens.max_sequences_per_document"
    else:
        reason = f"the sample ends within round {complete + 1}, so that some may lack one of theirs"
        remedy = "raise the corpus' n_tokens"
    raise DataError(
        f"bound.windows_per_document = {wanted}, but {reason}; set {complete} or less, or {remedy}."
    )


def n_documents_at(n_documents: int, n_sequences: int, asked_sequences: int) -> int:
    """How many of a sample's documents count at N: their share is that of the sequences."""
    return int(np.floor(n_documents * asked_sequences / n_sequences + 0.5))
