"""When the page was written, and from which code."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

CODE = ("src", "stages", "conf", "params.yaml")
"""What decides the numbers: a change here makes a commit an incomplete answer."""


@dataclass(frozen=True)
class Made:
    """What the head of the page says about its own making."""

    date: str = ""
    """Day, UTC, as 2026-11-27; empty: the page names none."""
    commit: str = ""
    """Short hash of the commit that is checked out; empty outside of git."""
    is_changed: bool = False
    """Whether the code differs from that commit."""

    @property
    def words(self) -> str:
        """As the page says it; empty when nothing is known."""
        commit = f"commit {self.commit}" if self.commit else ""
        if self.is_changed:
            commit += ", with local changes"
        return ", ".join(part for part in (self.date, commit) if part)


def made_now(root: Path) -> Made:
    """Today and the commit of the repository at `root`.

    The date is SOURCE_DATE_EPOCH where that is set, so that a page can be reproduced byte by byte.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = time.gmtime(int(epoch)) if epoch.isdigit() else time.gmtime()
    commit = _git(root, "rev-parse", "--short=10", "HEAD")
    changed = bool(commit) and bool(_git(root, "status", "--porcelain", "--", *CODE))
    return Made(time.strftime("%Y-%m-%d", moment), commit, changed)


def _git(root: Path, *arguments: str) -> str:
    """What git prints; nothing outside of a repository, or without git."""
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
