"""Python code that is on every machine: the standard library of the running interpreter."""

import hashlib
import os
import platform
import sysconfig
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from semdim.errors import DataError
from semdim.text.documents import Document, ReadCounts
from semdim.text.filters import is_wanted
from semdim.text.kind import KINDS
from semdim.text.spec import TextSpec

_NO_SOURCE = ("site-packages", "dist-packages", "__pycache__")


@dataclass(frozen=True, kw_only=True)
class PythonSourceCorpus(TextSpec):
    """The standard library, a document per ``.py`` file. The text depends on the interpreter's
    version, which is put on record; installed packages are not part of it."""

    kind: Literal["python_source"] = "python_source"

    def documents(self, counts: ReadCounts) -> Iterator[Document]:
        """One document per file, in the order of their paths, named by its path."""
        root, paths = _library()
        counts.facts["python"] = _interpreter()
        for path in paths:
            counts.files += 1
            try:
                with tokenize.open(root / path) as file:  # obeys the encoding that a file declares
                    text = file.read()
            except (SyntaxError, UnicodeDecodeError):  # test data of the library's own tokenizer
                counts.drop("undecodable")
            except OSError:
                counts.drop("files_unreadable")
            else:
                yield Document(path, text)

    def source(self) -> dict[str, Any]:
        """The interpreter's version, and a digest of the files that the patterns let through."""
        root, paths = _library()
        digest = hashlib.sha256()
        for path in paths:
            if is_wanted(path, self):
                content = hashlib.sha256((root / path).read_bytes()).hexdigest()
                digest.update(f"{path}\n{content}\n".encode())
        return {"python": _interpreter(), "sha256": digest.hexdigest()}


def _interpreter() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def _library() -> tuple[Path, list[str]]:
    """The folder of the library, and the paths in it, sorted."""
    root = Path(sysconfig.get_paths()["stdlib"])
    paths: list[str] = []
    for folder, below, files in os.walk(root):
        below[:] = set(below).difference(_NO_SOURCE)  # packages may be many: not walked at all
        inside = Path(folder).relative_to(root)
        paths += ((inside / name).as_posix() for name in files if name.endswith(".py"))
    paths.sort()
    if not paths:
        raise DataError(f"no Python source under {root}: this interpreter ships without it")
    return root, paths


KINDS.add("python_source", PythonSourceCorpus)
