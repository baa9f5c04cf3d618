"""Figures in README and docs, written from committed results.

    python -m semdim.results.pages             name the pages that are out of step
    python -m semdim.results.pages --write     bring them in step

A page holds a part between two comments:

    <!-- part: ood_levels (python -m semdim.results.pages --write) -->
    <!-- part: end -->

What stands between them is made by the part of that name, from files of the repository alone
(`docs/ood`, `docs/two_models`, `results`). A test compares every page with its parts. A part is a
function in a module of `semdim.results.parts`, registered by `part`.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from semdim.artifacts.shards import write_atomically
from semdim.errors import ArtifactError
from semdim.registry import Registry

if TYPE_CHECKING:
    from semdim.results.read import ProbeResults

COMMAND = "python -m semdim.results.pages --write"
PAGES = ("README.md", "docs/*.md")
END = "<!-- part: end -->"
_BEGIN = re.compile(r"(?m)^<!-- part: (\w+)[^>\n]* -->$")


@dataclass(frozen=True)
class Repository:
    """Where the committed results are."""

    root: Path

    def probes(self, folder: str) -> "list[ProbeResults]":
        """The results of every probe of a run, ordered by name.

        Args:
            folder: of the run, such as ``docs/ood``, from the root.

        Raises:
            ArtifactError: there are none, or a file is damaged.
        """
        from semdim.results.read import read_probe

        folders = sorted((self.root / folder / "probes").glob("*/"))
        if not folders:
            raise ArtifactError(f"{self.root / folder} holds no probe results; commit them.")
        return [read_probe(path) for path in folders]


Part = Callable[[Repository], str]
PARTS: Registry[Part] = Registry("part of a page", "semdim.results.parts")


def part(name: str) -> Callable[[Part], Part]:
    """Register a function that makes a part: Markdown, without a newline at its end."""
    return PARTS.register(name)


def in_step(page: str, repository: Repository) -> str:
    """The page with each part as the results have it.

    Raises:
        ArtifactError: a part has no end, or the results that it needs are missing.
        ConfigError: a part is unknown.
    """
    done, place = [], 0
    while (begin := _BEGIN.search(page, place)) is not None:
        end = page.find(END, begin.end())
        following = _BEGIN.search(page, begin.end())
        if end < 0 or (following is not None and following.start() < end):
            raise ArtifactError(f"The part {begin[1]!r} of a page lacks its end, {END!r}.")
        done += [page[place : begin.end()], "\n", PARTS[begin[1]](repository), "\n", END]
        place = end + len(END)
    return "".join([*done, page[place:]])


def pages(root: Path) -> list[Path]:
    """The pages that have a part."""
    every = (path for pattern in PAGES for path in sorted(root.glob(pattern)))
    return [path for path in every if _BEGIN.search(path.read_text(encoding="utf-8"))]


def out_of_step(root: Path) -> dict[Path, str]:
    """The pages that differ from the results, as they should be. Raises as `in_step`."""
    texts = {path: path.read_text(encoding="utf-8") for path in pages(root)}
    new = {path: in_step(text, Repository(root)) for path, text in texts.items()}
    return {path: text for path, text in new.items() if text != texts[path]}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(header), line(["---"] * len(header)), *map(line, rows)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m semdim.results.pages")
    parser.add_argument("--write", action="store_true", help="bring the pages in step")
    write = parser.parse_args().write
    found = out_of_step(Path())
    for path, text in found.items():
        if write:
            write_atomically(path, text)
        print(f"{path}: {'written' if write else f'out of step, run `{COMMAND}`'}")
    if not found:
        print("every page is in step")


if __name__ == "__main__":
    # Parts register themselves in this module's other copy, which they import by its name.
    from semdim.results.pages import main as start

    start()
