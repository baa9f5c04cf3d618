"""A lock that one process holds at a time, and that ends with its process, however it ends.

The lock is the operating system's own (flock), so a killed process leaves a file and no lock.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from semdim.errors import ArtifactError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: What `flock` answers where another process holds the lock; all else means that there are none.
_HELD = (errno.EWOULDBLOCK, errno.EACCES)


@contextmanager
def locked(
    path: Path, what: str, *, on_wait: Callable[[str], None] | None = None
) -> Iterator[bool]:
    """Hold the lock that is the file ``path``; the file is gone afterwards.

    Args:
        path: of the lock, in a folder that exists.
        what: what the lock is on, as messages name it.
        on_wait: told, in one sentence, that another process is waited for. None: do not wait.

    Yields:
        whether the lock is held. It is not where the file system has no locks or cannot be written.

    Raises:
        ArtifactError: another process holds it, and ``on_wait`` is None.
    """
    descriptor = _acquired(path, what, on_wait)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)  # before it is released: whoever waits looks again
            os.close(descriptor)


def _acquired(path: Path, what: str, on_wait: Callable[[str], None] | None) -> int | None:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return None
        try:
            if not _take(descriptor, what, on_wait):
                os.close(descriptor)
                return None
            if _is_at(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder removed it while it was waited for


def _take(descriptor: int, what: str, on_wait: Callable[[str], None] | None) -> bool:
    """Lock an open file; False where there are no locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        if error.errno not in _HELD:
            return False
    holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    process = f"Process {holder}" if holder else "Another process"
    if on_wait is None:
        raise ArtifactError(
            f"{process} is working on {what}: wait until it has ended, or stop it, and start again."
        )
    on_wait(f"{process} is working on {what}; waiting for it to end.")
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one that has the name ``path``."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)
