"""Which positions count: defined here, and nowhere else.

Position 0 attends to nothing: its activation is the same in every sequence and two orders of
magnitude longer than the rest, so it says nothing about the text; nor does BOS wherever else it
stands. These positions are *special*. No score, threshold or average looks at them, and the splice
``no_bos`` lets them through.

Nothing is imported, so that no user of a mask depends on anything but this file: the functions take
NumPy arrays, tensors, or the numbers of a single token alike.
"""

from typing import Any


def is_special(token_id: Any, position: Any, bos_token_id: int) -> Any:
    """Where a special position is: position 0, and BOS wherever else it occurs.

    Args:
        token_id: ids, an array or tensor of any shape, or one number.
        position: positions within the sequence, from 0, of a shape that broadcasts with the ids.
        bos_token_id: the model's BOS.

    Returns booleans of the ids' kind and shape.
    """
    return (token_id == bos_token_id) | (position == 0)


def counted_mask(is_bos: Any, position: Any) -> Any:
    """Where a position counts, from a table's columns.

    Args:
        is_bos: booleans, an array or tensor, True at a special position or at least at BOS.
        position: positions within the sequence, from 0, of the same shape.

    Returns booleans of the same kind and shape.
    """
    return ~is_bos & (position > 0)


def counted(rows: Any) -> Any:
    """The rows of a data frame (columns ``is_bos`` and ``position``) that count."""
    return rows[counted_mask(rows["is_bos"].to_numpy(dtype=bool), rows["position"].to_numpy())]
