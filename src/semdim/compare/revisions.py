"""Where the results of a side are: a folder, a revision of git, or an experiment of DVC."""

import difflib
import io
import re
import subprocess
import tarfile
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from semdim.errors import ArtifactError, ConfigError
from semdim.paths import Paths
from semdim.results.read import PARENTS

SMALL = (".csv", ".json", ".yaml")
"""What a comparison reads; figures are left in git."""
MARKS = ("bounds.csv", "bound.json", "setup.json")
"""A folder with one of these holds the results of one probe."""
_EXPERIMENT = re.compile(r"^refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(?P<name>.+)$")
SUBJECT = 60
"""Characters of a commit's description."""
N_NEAR = 8
"""At most so many names of each kind are offered for one that is not known."""


@dataclass(frozen=True)
class Source:
    """One side's files, on disk while it is open."""

    name: str
    """As it was asked for."""
    what: str
    """What that turned out to be, in words."""
    folder: Path
    """results/, or the folder of one probe."""
    params: Path | None = None
    """The project's params.yaml at a revision, for results of the pipeline itself; else None."""


@contextmanager
def located(name: str) -> Iterator[Source]:
    """Find the results that ``name`` means.

    name: a folder; or a revision of git or an experiment of DVC, whose results are then those
    under ``results``, or those under PATH when it is written REVISION:PATH. A folder comes first.

    Raises:
        ConfigError: nothing has this name; the message lists what is near.
        ArtifactError: it has no results.
    """
    if Path(name).is_dir():
        yield Source(name, "folder", Path(name))
        return
    revision, _, path = name.partition(":")
    own = str(Paths().all_results.parent)
    path = (path or own).rstrip("/")
    found = _commit(revision)
    if found is None:
        raise ConfigError(_unknown(name))
    commit, kind = found
    files = _files(commit, path)
    if not any(Path(file).name in MARKS for file in files):
        raise ArtifactError(
            f"{revision} ({_described(commit)}) holds no results under {path}; where they are "
            f"elsewhere, say so: {revision}:FOLDER."
        )
    with tempfile.TemporaryDirectory() as there:
        _extract(commit, [*files, *_files(commit, "params.yaml")], Path(there))
        params = Path(there) / "params.yaml"
        yield Source(
            name,
            f"{kind}, {_described(commit)}",
            Path(there) / path,
            params if params.exists() and Path(path).is_relative_to(own) else None,
        )


def is_probe(folder: Path) -> bool:
    """Whether the folder holds the results of one probe, and not of several."""
    return any((folder / mark).is_file() for mark in MARKS)


def experiments() -> dict[str, list[str]]:
    """The experiments of DVC in this repository: name → commits, one for each baseline."""
    listed = _git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps") or ""
    found: dict[str, list[str]] = {}
    for line in listed.splitlines():
        commit, _, ref = line.partition(" ")
        matched = _EXPERIMENT.match(ref)
        if matched:
            found.setdefault(matched["name"], []).append(commit)
    return found


def _commit(revision: str) -> tuple[str, str] | None:
    """The commit, and what kind of name it has; None when there is none.

    Raises ConfigError when experiments of several baselines have the name.
    """
    if not revision:
        return None
    commits = experiments().get(revision, [])
    if len(commits) > 1:
        listed = ", ".join(commit[:10] for commit in commits)
        raise ConfigError(
            f"{revision} is the name of {len(commits)} experiments of different baselines: give "
            f"the commit instead, one of {listed}."
        )
    if commits:
        return commits[0], "experiment"
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return None if commit is None else (commit.strip(), "revision")


def _described(commit: str) -> str:
    line = (_git("show", "--no-patch", "--format=%h of %cs: %s", commit) or commit).strip()
    return f"commit {textwrap.shorten(line, SUBJECT, placeholder=' …')}"


def _files(commit: str, path: str) -> list[str]:
    listed = _git("ls-tree", "-r", "-z", "--name-only", commit, "--", path) or ""
    return [file for file in listed.split("\0") if file.endswith(SMALL)]


def _extract(commit: str, files: list[str], there: Path) -> None:
    done = subprocess.run(
        ["git", "archive", "--format=tar", commit, "--", *files], capture_output=True, check=False
    )
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        raise ArtifactError(f"git cannot read the results of {commit[:10]}: {reason}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(there, filter="data")


def _git(*arguments: str) -> str | None:
    """What git prints; None when it fails, or there is no git."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, ValueError, subprocess.CalledProcessError):  # ValueError: a null character
        return None
    return done.stdout


def _unknown(name: str) -> str:
    folders = [
        str(path)
        for path in sorted([Path("results"), *Path().glob("*/*")])
        if path.is_dir() and any(list((path / parent).glob(f"*/{MARKS[1]}")) for parent in PARENTS)
    ]
    branches = _git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags") or ""
    known = {
        "folders": folders,
        "experiments": list(experiments()),
        "branches and tags": branches.split(),
    }
    offered = [f"{kind}: {', '.join(_near(name, names))}" for kind, names in known.items() if names]
    return (
        f"{name} is neither a folder, nor a revision of git, nor an experiment of DVC; there are "
        f"{'; '.join(offered) or 'none of them here'}."
    )


def _near(name: str, names: list[str]) -> list[str]:
    """The names most like the one that was asked for; all of them while they are few."""
    if len(names) <= N_NEAR:
        return names
    return difflib.get_close_matches(name, names, n=N_NEAR, cutoff=0.0)
