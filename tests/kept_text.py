"""Outputs that docs keep of tiny runs come from the standard library's own text, as it is in the
Python of requirements.lock. On another Python they are other numbers, of another text."""

import sys

PYTHON_OF_LOCK = (3, 11)


def is_here() -> bool:
    """Whether this Python has the text that outputs were kept of."""
    return sys.version_info[:2] == PYTHON_OF_LOCK
