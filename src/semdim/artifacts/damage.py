"""A damaged file, made known to whoever trusts a file that did not change."""

import contextlib
import os
from pathlib import Path


def will_be_seen(path: Path) -> None:
    """Set the time of a damaged file, or of a folder's files, to now: DVC and check_params then
    hash it again.

    A disk that loses bits changes neither size nor time, by which both know what to hash. In a
    workspace of links the file is also the one in DVC's cache, and its time is that one's, too.
    """
    for file in path.rglob("*") if path.is_dir() else [path]:
        with contextlib.suppress(OSError):
            os.utime(file)
