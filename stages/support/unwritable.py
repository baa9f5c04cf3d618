"""A disk that is full or cannot be written, as one sentence."""

import errno
import os
import re

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
#: How libraries that are written in Rust tell the number of an error.
_NUMBER = re.compile(r"\(os error (\d+)\)")


def unwritable(error: BaseException) -> str | None:
    """What to say where an exception means that a file cannot be written; else None."""
    number = error.errno if isinstance(error, OSError) else None
    found = _NUMBER.search(str(error))
    if number is None and found:
        number = int(found[1])
    if number not in (*_FULL, *_FORBIDDEN):
        return None
    file = getattr(error, "filename", None)
    what = os.fsdecode(file) if file else f"A file below {os.getcwd()}"
    advice = "free some space" if number in _FULL else "change the permissions"
    return (
        f"{what} cannot be written ({os.strerror(number)}): {advice} and run the same command "
        "again; finished work is kept."
    )
