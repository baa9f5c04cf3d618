"""Whether a worker sees the same files and runs the same code as the driver: before work starts."""

import os
import platform
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from uuid import uuid4

from semdim.artifacts.code import code_digest
from semdim.artifacts.shards import write_atomically

#: Packages that numbers come from: with another version of one a shard may have other bytes.
PACKAGES = (
    "numpy", "sae-lens", "safetensors", "semdim", "torch", "transformer-lens", "transformers",
)  # fmt: skip
CODE = "the stage's code"


@dataclass(frozen=True)
class Expected:
    """What the driver sees and runs."""

    folder: Path
    """The project, as an absolute path."""
    code: Path
    """The folder that the stages are imported from."""
    probe: Path
    """A file that was just written, in a folder where shards will be."""
    content: str
    """What it holds."""
    module: str
    """The stage."""
    fingerprint: tuple[tuple[str, str], ...]


def fingerprint(module: str) -> tuple[tuple[str, str], ...]:
    """What decides on the bytes of a shard beside its data: the code that a stage imports, and the
    versions of Python and of `PACKAGES`."""
    found = [(CODE, code_digest(module)), ("Python", platform.python_version())]
    return (*found, *((name, _version(name)) for name in PACKAGES))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


@contextmanager
def expectations(folder: Path, code: Path, place: Path, module: str) -> Iterator[Expected]:
    """Write the probe file into ``place``; it is gone afterwards."""
    name, content = f"workers-{uuid4().hex}.probe", uuid4().hex
    probe = (place / name).resolve()
    write_atomically(probe, content)
    try:
        yield Expected(
            folder.resolve(), code.resolve(), probe, content, module, fingerprint(module)
        )
    finally:
        probe.unlink(missing_ok=True)


def fault_here(expected: Expected) -> str | None:
    """Why this process cannot work for the driver, in a sentence; None where it can.

    It works in the project's folder from now on.
    """
    host = socket.gethostname()
    try:
        seen: str | None = expected.probe.read_text(encoding="utf-8")
    except OSError:
        seen = None
    if seen != expected.content or not os.access(expected.probe.parent, os.W_OK):
        what = "read" if seen != expected.content else "write to"
        return (
            f"The worker on {host} cannot {what} {expected.probe.parent}, where the driver has "
            "just written a probe file: put the project on a file system that all nodes mount at "
            "the same path."
        )
    os.chdir(expected.folder)
    for path in (str(expected.code), str(expected.folder)):
        if path not in sys.path:
            sys.path.insert(0, path)
    theirs = dict(fingerprint(expected.module))
    for name, ours in expected.fingerprint:
        if theirs.get(name) != ours:
            return _differs(name, ours, theirs.get(name, "none"), host)
    return None


def _differs(name: str, ours: str, theirs: str, host: str) -> str:
    if name == CODE:
        name, ours, theirs = "semdim", f"with code {ours[:8]}", f"with code {theirs[:8]}"
    return (
        f"The worker on {host} has {name} {theirs}, the driver {name} {ours}: install the same "
        "version on every node, because shards may have other bytes with another one."
    )
