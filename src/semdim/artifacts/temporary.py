"""The file beside a file that is being written: one name, so that no kill leaves more than one."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def temporary_of(path: Path) -> Iterator[BinaryIO]:
    """An empty file to write, which takes the place of ``path`` in one step when the body succeeds.

    Two processes that write the same file do so one after the other. On an error the file is
    removed, and ``path`` is as it was.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with _opened(temporary) as stream:
        try:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of a folder whose writers were killed; those in use stay."""
    for temporary in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError), temporary.open("rb") as stream:
            if fcntl is not None:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                temporary.unlink()


def _opened(temporary: Path) -> BinaryIO:
    """The file, empty and ours alone until it is closed."""
    while True:
        stream = os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
        try:
            if fcntl is not None:
                _wait_for(stream)
            if os.path.samestat(os.fstat(stream.fileno()), temporary.stat()):
                stream.truncate()
                return stream
        except FileNotFoundError:  # another process finished with it while this one waited
            pass
        except BaseException:
            stream.close()
            raise
        stream.close()


def _wait_for(stream: BinaryIO) -> None:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX)
    except OSError:  # a file system without locks: then whoever renames last wins
        return
