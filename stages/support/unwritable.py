"""A disk that is full or cannot be written, as one sentence."""

import errno
import os
import re

_REASONS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
#: How libraries that are written in Rust tell the number of an error.
_NUMBER = re.compile(r"\(os error (\d+)\)")


def unwritable(error: BaseException) -> str | None:
    """What to say where an exception means that a file cannot be written; else None."""
    number = error.errno if isinstance(error, OSError) else None
    found = _NUMBER.search(str(error))
    if number is None and found:
        number = int(found[1])
    if number not in _REASONS:
        return None
    file = getattr(error, "filename", None)
    where = f"{os.fsdecode(file)} cannot be written" if file else "A file cannot be written"
    return (
        f"{where} ({os.strerror(number)}): free some space, or change the permissions, and run "
        "the same command again; finished work is kept."
    )
