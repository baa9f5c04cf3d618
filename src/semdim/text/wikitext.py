"""English articles out of a MediaWiki XML dump: pages streamed, markup parsed, prose kept."""

import bz2
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import mwparserfromhell
from mwparserfromhell.nodes import (
    ExternalLink,
    Heading,
    HTMLEntity,
    Node,
    Tag,
    Template,
    Text,
    Wikilink,
)

from semdim.errors import DataError
from semdim.text.documents import Document, ReadCounts

# Tags whose content is no prose. Every other tag gives way to what it encloses.
_DROPPED_TAGS = frozenset(
    {"chem", "gallery", "graph", "hiero", "imagemap", "math", "pre", "ref", "references"}
    | {"score", "source", "style", "syntaxhighlight", "table", "timeline"}
)
_LINE_TAGS = frozenset({"br", "hr", "li", "dd", "dt"})
_HIDDEN_LINKS = ("file", "image", "media", "category")
# Sections of references and links rather than sentences.
_APPENDICES = frozenset(
    {
        "bibliography",
        "citations",
        "external links",
        "footnotes",
        "further reading",
        "gallery",
        "notes",
        "notes and references",
        "references",
        "references and notes",
        "see also",
        "sources",
        "works cited",
    }
)
# The few templates that stand inside a sentence for a piece of it; the others are left out.
_INLINE_TEMPLATES = {"convert": (1, 2), "cvt": (1, 2), "lang": (2,), "nowrap": (1,)}

_STUB = re.compile(r"\{\{[^{}|]*\bstub\s*(?:\||\}\})", re.IGNORECASE)
_DISAMBIGUATION = re.compile(
    r"\{\{\s*(?:[a-z ]*disambig(?:uation)?|dab|hndis|geodis)\s*(?:\||\}\})", re.IGNORECASE
)
_REDIRECT = re.compile(r"\s*#\s*redirect", re.IGNORECASE)
_LANGUAGE_LINK = re.compile(r"[a-z]{2,3}(?:-[a-z]+)?:")
_LEFTOVER = re.compile(r"\[\[|\]\]|\{\{|\}\}|\{\||\|\}|</?ref|^[|!]", re.IGNORECASE)
_MAGIC_WORD = re.compile(r"__[A-Z]+__")
_HEADING_MARK = "\x00"  # cannot occur in XML, so it cannot occur in a page

_TIDY = (
    (re.compile(r"'''(?=s\b)"), "'"),  # a possessive after unbalanced italics
    (re.compile(r"'{2,}"), ""),
    (re.compile(r"</?(?:blockquote|center|code|div|p|small|span|su[bp])\b[^<>]*>", re.I), ""),
    (re.compile(r"^[*#:;,.]+(?=\s|$)"), ""),  # a list item whose first words were a template
    (re.compile(r"[ \t\u00a0\u2009\u202f]+"), " "),
    (re.compile(r"\(\s*[,;:\s]+"), "("),  # "(; born 1950)" where a template stood first
    (re.compile(r"[,;:\s]+\)"), ")"),
    (re.compile(r"\s?\(\)"), ""),
    (re.compile(r" +([,.;:!?])(?=\s|$)"), r"\1"),
)


def read_dump(path: Path, counts: ReadCounts) -> Iterator[Document]:
    """Articles of a MediaWiki dump (``.xml`` or ``.xml.bz2``), one document each, in dump order.

    Left out, and counted: pages outside namespace 0, redirects, disambiguation pages, stubs (by
    their template). Memory is that of one page. Raises DataError for a damaged file.
    """
    counts.files += 1
    try:
        with (bz2.open if path.suffix == ".bz2" else open)(path, "rb") as stream:
            for page in _pages(stream):
                reason = _reason_to_drop(page)
                if reason:
                    counts.drop(reason)
                else:
                    title = page["title"]
                    text = strip_wikitext(page["text"], counts)
                    yield Document(f"wikipedia/{title}", text, "wikipedia")
    except (ElementTree.ParseError, OSError, EOFError) as error:
        raise DataError(f"{path} is not a readable MediaWiki dump: {error}") from error


def _pages(stream: Any) -> Iterator[dict[str, str]]:
    page: dict[str, str] = {}
    events = ElementTree.iterparse(stream, events=("start", "end"))
    root = next(events)[1]
    for event, element in events:
        tag = element.tag.rpartition("}")[2]
        if event == "start":
            continue
        if tag in ("title", "ns", "text"):
            page[tag] = element.text or ""
        elif tag == "redirect":
            page[tag] = element.get("title", "")
        elif tag == "page":
            yield {"title": "", "ns": "0", "text": ""} | page
            page = {}
            root.clear()  # pages already handled would pile up under it


def _reason_to_drop(page: dict[str, str]) -> str | None:
    if page["ns"] != "0":
        return "pages_outside_articles"
    if "redirect" in page or _REDIRECT.match(page["text"]):
        return "redirects"
    if page["title"].endswith("(disambiguation)") or _DISAMBIGUATION.search(page["text"]):
        return "disambiguation_pages"
    if _STUB.search(page["text"]):
        return "stubs"
    return None


def strip_wikitext(wikitext: str, counts: ReadCounts | None = None) -> str:
    """The prose of a page: paragraphs parted by blank lines, list items and headings on lines.

    Tables, references, files, categories, comments, formulas, code blocks, templates (but a few
    that stand for words) and the sections of references and links are removed. A line on which
    unbalanced markup is left over after parsing is dropped, and counted.
    """
    parsed = mwparserfromhell.parse(wikitext)
    lines = _plain(_without_appendices(parsed.nodes)).splitlines()
    kept = []
    for line in (_tidy(line) for line in lines):
        if _LEFTOVER.search(line):
            if counts is not None:
                counts.drop("lines_of_broken_markup")
        else:
            kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_without_empty_sections(kept))).strip()


def _without_appendices(nodes: Iterable[Node]) -> Iterator[Node]:
    hidden_below: int | None = None
    for node in nodes:
        if isinstance(node, Heading) and (hidden_below is None or node.level <= hidden_below):
            title = _plain(node.title.nodes).strip().lower()
            hidden_below = node.level if title in _APPENDICES else None
        if hidden_below is None:
            yield node


def _plain(nodes: Iterable[Node]) -> str:
    return "".join(_plain_node(node) for node in nodes)


def _plain_node(node: Node) -> str:
    match node:
        case Text():
            return str(node.value)
        case HTMLEntity():
            return node.normalize() or ""
        case Heading():
            return f"\n{_HEADING_MARK}{node.level}{_plain(node.title.nodes).strip()}\n\n"
        case Wikilink():
            return _plain_link(node)
        case ExternalLink():
            return _plain(node.title.nodes) if node.title is not None else ""
        case Template():
            return _plain_template(node)
        case Tag():
            return _plain_tag(node)
    return ""  # comments and template arguments


def _plain_link(node: Wikilink) -> str:
    title = str(node.title).strip()
    if title.partition(":")[0].strip().lower() in _HIDDEN_LINKS and ":" in title:
        return ""
    if node.text is not None:
        return _plain(node.text.nodes)
    return "" if _LANGUAGE_LINK.match(title) else title.lstrip(":")


def _plain_template(node: Template) -> str:
    positions = _INLINE_TEMPLATES.get(str(node.name).strip().lower())
    if positions is None:
        return ""
    words = [_plain(node.get(at).value.nodes) for at in positions if node.has(at)]
    return " ".join(word.strip() for word in words)


def _plain_tag(node: Tag) -> str:
    name = str(node.tag).strip().lower()
    if name in _DROPPED_TAGS:
        return ""
    content = _plain(node.contents.nodes) if node.contents is not None else ""
    if name in _LINE_TAGS:
        return content if node.wiki_markup else f"\n{content}"
    return content


def _tidy(line: str) -> str:
    line = _MAGIC_WORD.sub("", line).strip()
    for pattern, replacement in _TIDY:
        line = pattern.sub(replacement, line)
    return line.strip()


def _without_empty_sections(lines: list[str]) -> list[str]:
    """Drop headings under which nothing is left, subsections included; unmark the others."""
    kept: list[str] = []
    next_level = 0  # of the nearest heading kept so far: the lines are read backwards
    has_text = False
    for line in reversed(lines):
        if not line.startswith(_HEADING_MARK):
            kept.append(line)
            has_text = has_text or bool(line)
            continue
        level = int(line[1])
        if has_text or next_level > level:
            kept.append(line[2:])
            next_level, has_text = level, False
    return kept[::-1]
