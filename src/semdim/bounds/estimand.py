"""What a bound is about, in words that tell two means apart: the column ``subject`` of bounds.csv.

One function for all families, so that what has one name is one quantity: the mean that the sample's
units estimate, with the windows that count.
"""

from semdim.bounds.result import SampleSize
from semdim.bounds.windows import Windows


def mean_over_text(quantity: str, size: SampleSize) -> str:
    """The mean of a quantity in words, by its unit and by the windows that count.

    Args:
        quantity: what is averaged, such as ``smoothed loss (α = 0.5) of the model``.
        size: its unit and windows.

    Returns:
        such as "mean over documents of the mean smoothed loss (α = 0.5) of the model over their
        first 4 windows (all, if fewer) of 128 tokens after a fresh BOS".
    """
    windows = size.windows
    if size.unit == "document":
        return f"mean over documents of the mean {quantity}{_over(windows)}"
    what = "windows" if size.unit == "sequence" else "predicted tokens"
    of = f"mean {quantity}" if size.unit == "sequence" else quantity
    return f"mean over {what}{_among(windows)} of the {of}"


def risk_of(whose: str, size: SampleSize, smoothing: float) -> str:
    """A risk in words: whose, and which mean it is. `whose` is such as ``the model``."""
    return f"risk of {whose}: {mean_over_text(f'smoothed loss (α = {smoothing:g})', size)}"


def as_the_paper_reads_it(whose: str, size: SampleSize, smoothing: float) -> str:
    """The published families' risk in words: a mean over all sequences of the first N tokens."""
    windows = size.windows
    length = f" of {windows.context} tokens{_bos(windows)}" if windows else ""
    return (
        f"risk of {whose}: mean smoothed loss (α = {smoothing:g}) over all sequences{length} of "
        "the sample’s first N tokens, however many of a document these are"
    )


def _over(windows: Windows | None) -> str:
    if windows is None:
        return ""
    if windows.per_document is None:
        return f" over those of their windows{_length(windows)} that the sample holds"
    if windows.per_document == 1:
        return f" over their first window{_length(windows)}"
    return f" over their first {windows.per_document} windows (all, if fewer){_length(windows)}"


def _among(windows: Windows | None) -> str:
    if windows is None:
        return ""
    if windows.per_document is None:
        return f" ({windows.context} tokens{_bos(windows)}, as the sample holds them)"
    which = "window" if windows.per_document == 1 else f"{windows.per_document} windows"
    return f" (the first {which} of each document, {windows.context} tokens{_bos(windows)})"


def _length(windows: Windows) -> str:
    return f" of {windows.context} tokens{_bos(windows)}"


def _bos(windows: Windows) -> str:
    return " after a fresh BOS" if windows.has_bos else ""
