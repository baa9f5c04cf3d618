"""The published bound against the unigram baseline: what bound.json says beside log2 V."""

from collections.abc import Sequence

from semdim.bounds.families.as_published import crossing
from semdim.bounds.family import Number
from semdim.bounds.result import Bound
from semdim.bounds.unigram import unigram_baseline
from semdim.ledger.rows import Rows


def against_unigram(bounds: Sequence[Bound], ledger: Rows, smoothing: float) -> dict[str, Number]:
    """The unigram baseline of the largest N, and from where on the published bound is below it.

    Args:
        bounds: of every family, N and α.
        ledger: rows of the sample that they were computed from.
        smoothing: the α to report.

    Returns ``unigram_baseline`` in bits, ``as_published_unigram_crossing_n_tokens`` (the statistics
    of the largest N held fixed; None: at no N) and ``as_published_unigram_first_n_tokens`` (of the
    grid; None: at none). Empty where the sample allowed no published bound.

    Raises:
        DataError: as `semdim.bounds.unigram.unigram_losses`.
    """
    curve = sorted(
        (b for b in bounds if b.family == "as_published" and b.smoothing == smoothing),
        key=lambda bound: bound.size.n_tokens,
    )
    if not curve:
        return {}
    last = curve[-1]
    baseline = unigram_baseline(ledger, last.vocab_size, smoothing, last.size.n_sequences)
    below = (bound.size.n_tokens for bound in curve if bound.total < baseline)
    return {
        "unigram_baseline": baseline,
        "as_published_unigram_crossing_n_tokens": crossing(last, baseline),
        "as_published_unigram_first_n_tokens": next(below, None),
    }
