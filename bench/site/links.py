"""Links of the Markdown pages that lead nowhere: files, and anchors as GitHub makes them.

    python -m bench.site.links     name them; ends with 1 where there is one

MkDocs checks the links between the pages of docs/, with its own anchors, while it builds the site.
This checks every page of the repository, README first, as GitHub shows it. Addresses of other
hosts are not asked.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

PAGES = ("*.md", "docs/**/*.md", "models/**/*.md", "training/**/*.md", "bench/**/*.md")
_FENCE = re.compile(r"(?ms)^ {0,3}(```+|~~~+).*?^ {0,3}\1[^\n]*$|<!--.*?-->")
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_REFERENCE = re.compile(r"(?m)^ {0,3}\[[^\]^]+\]:\s+<?([^\s>]+)>?")
_HTML = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=\"([^\"]+)\"")
_HEADING = re.compile(r"(?m)^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$")
_ID = re.compile(r"<[a-z][a-z0-9]*\b[^>]*?\b(?:id|name)=\"([^\"]+)\"")
_ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:|^//", re.I)


@dataclass(frozen=True)
class Broken:
    """A link that leads nowhere."""

    page: Path
    target: str
    """As the page has it."""
    why: str

    def __str__(self) -> str:
        return f"{self.page}: {self.target}: {self.why}"


def pages(root: Path) -> list[Path]:
    """Every Markdown page of the repository, each once."""
    return sorted({path for pattern in PAGES for path in root.glob(pattern) if path.is_file()})


def broken(root: Path) -> Iterator[Broken]:
    """The links of the pages under ``root`` that lead to no file, or to no heading of it."""
    root = root.resolve()
    for page in pages(root):
        for target in targets(page.read_text(encoding="utf-8")):
            why = _wrong(page, target, root)
            if why:
                yield Broken(page.relative_to(root), target, why)


def targets(text: str) -> list[str]:
    """What the links and images of a page lead to, in order; code and comments hold none."""
    text = _CODE.sub("", _FENCE.sub("", text))
    found = [*_LINK.finditer(text), *_REFERENCE.finditer(text), *_HTML.finditer(text)]
    return [match[1] for match in sorted(found, key=lambda match: match.start())]


def _wrong(page: Path, target: str, root: Path) -> str | None:
    if _ELSEWHERE.match(target):
        return None
    name, _, anchor = unquote(target).partition("#")
    path = (page.parent / name).resolve() if name else page
    if not path.exists():
        return "there is no such file"
    if not path.is_relative_to(root):
        return "it leaves the repository"
    if anchor and path.suffix in (".md", ".html") and anchor not in anchors(path):
        return "the page has no such heading"
    return None


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page: its ids, and on GitHub a slug of each heading of Markdown, numbered
    where one comes again."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".html":
        return frozenset(_ID.findall(text))
    text = _FENCE.sub("", text)
    seen: Counter[str] = Counter()
    found = set(_ID.findall(text))
    for heading in _HEADING.findall(text):
        name = slug(heading)
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return frozenset(found)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, punctuation gone, spaces as hyphens."""
    words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    words = re.sub(r"[*`]", "", words).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def main() -> int:
    """Print every broken link; 1 where there is one."""
    root = Path()
    found = list(broken(root))
    for link in found:
        print(link)
    if not found:
        print(f"{len(pages(root))} pages: every link leads somewhere")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
