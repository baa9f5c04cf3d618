"""The processes of a session, and how they end."""

import os
import time
from pathlib import Path


def of_session(session: int) -> dict[int, str]:
    """Command lines of the living processes of a session, by their ids."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session and fields[0] != "Z":
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    found[int(folder.name)] = b" ".join(words).decode(errors="replace")
            except OSError:  # it has ended
                continue
    return found


def stage_of(session: int) -> int | None:
    """The process of the stage that a session's `dvc repro` runs; None: it runs none now."""
    running = of_session(session).items()
    found = [number for number, line in running if "-m stages." in line and " -c " not in line]
    return max(found, default=None)


def ended(session: int, seconds: float) -> bool:
    """Whether all processes of a session end within a time."""
    limit = time.monotonic() + seconds
    while of_session(session):
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


def end(session: int) -> None:
    """End what a trial has left, by SIGKILL."""
    for number in of_session(session):
        try:
            os.kill(number, 9)
        except ProcessLookupError:
            continue
