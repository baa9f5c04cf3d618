"""Hooks of MkDocs: formulas become pictures, links that leave docs/ become their words,
notebooks become pages, and the names of docs/api.md get their docstrings.

GitHub draws $…$ with a script of its own. A site that opens from a folder, without a network,
cannot: here matplotlib's mathtext draws each formula as SVG. What it does not know stays as TeX.
"""

import base64
import html
import io
import re
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser

from bench.site.notebooks import as_markdown, read

_FENCE = re.compile(r"(```.*?```|`[^`\n]*`)", re.S)
_DISPLAY = re.compile(r"\$\$(.+?)\$\$", re.S)
_INLINE = re.compile(r"(?<![\\$\w])\$([^$\n]+?)\$(?![\w$])")
_OUTSIDE = re.compile(r"(?<!!)\[([^\]]+)\]\(\.\./[^)]*\)")
_API = re.compile(r"(?m)^<!-- api: ([\w.]+) -->$")
_NOTEBOOK = re.compile(r"(\]\([\w./-]+)\.ipynb\)")
_FOLDER = re.compile(r"(?<!!)\[([^\]]+)\]\(([\w./-]+)\)")
SIZE = 12.0
"""Points of a formula's letters."""
#: TeX that mathtext calls otherwise.
OTHER_NAMES = (
    (r"\\[td](frac|binom)(?![a-z])", r"\\\1"), (r"\\(?:[Bb]ig[lrg]*|textstyle)(?![a-z])", ""),
    (r"\\[lr]Vert(?![a-z])", r"\\Vert"), (r"\\[lr]vert(?![a-z])", "|"),
    (r"\\le(?![a-z])", r"\\leq"), (r"\\ge(?![a-z])", r"\\geq"), (r"\\ne(?![a-z])", r"\\neq"),
    (r"\\thinspace(?![a-z])", r"\\,"), (r"\\thickspace(?![a-z])", r"\\;"),
    (r"\\operatorname(?![a-z])", r"\\mathrm"), (r"\\text(?![a-z])", r"\\mathrm"),
)  # fmt: skip
#: Commands whose arguments mathtext wants in braces, with how many they have.
ARGUMENTS = {
    **dict.fromkeys(("mathcal", "mathbb", "mathfrak", "mathrm", "sqrt", "hat", "bar", "tilde"), 1),
    "overline": 1, "frac": 2, "binom": 2,
}  # fmt: skip
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_ARGUMENT = re.compile(r"\s*(\\[a-zA-Z]+|[^\s{}\\\[])")


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """MkDocs calls it with the files of docs/: each notebook becomes a page."""
    from mkdocs.structure.files import File

    for name in [file.src_uri for file in files if file.src_uri.endswith(".ipynb")]:
        path = Path(config["docs_dir"], name)
        files.remove(files.get_file_from_path(name))
        text = as_markdown(read(path))
        files.append(File.generated(config, f"{name.removesuffix('.ipynb')}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """MkDocs calls it with the text of each page."""
    folder = Path(config["docs_dir"])
    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("`") else _page_text(part, folder) for part in parts)


def _page_text(text: str, folder: Path) -> str:
    text = _API.sub(r"::: \1", _OUTSIDE.sub(r"\1", text))
    text = _FOLDER.sub(lambda m: m[1] if (folder / m[2]).is_dir() else m[0], text)
    text = _NOTEBOOK.sub(r"\1.md)", text)
    text = _DISPLAY.sub(lambda m: f'<p class="formula">{formula(m[1])}</p>', text)
    return _INLINE.sub(lambda m: formula(m[1]), text)


@cache
def formula(tex: str) -> str:
    """A formula as an image with its TeX as words, or the TeX as code."""
    plain = " ".join(tex.replace("\\|", "|").split())
    known = plain
    for pattern, other in OTHER_NAMES:
        known = re.sub(pattern, other, known)
    known = with_braces(known)
    try:
        svg, height, depth = _drawn(f"${known}$")
    except ValueError:
        return f"<code>{html.escape(plain).replace('|', '&#124;').replace('*', '&#42;')}</code>"
    words = html.escape(plain, quote=True).replace("|", "&#124;").replace("*", "&#42;")
    words = words.replace("_", "&#95;")
    style = f"height:{height / SIZE:.3f}em;vertical-align:{-depth / SIZE:.3f}em"
    return f'<img class="tex" alt="{words}" style="{style}" src="{svg}">'


def with_braces(tex: str) -> str:
    """With braces about arguments of a single sign, as in the fraction 1 over n."""
    done, at = "", 0
    while (found := _COMMAND.search(tex, at)) is not None:
        done, at = done + tex[at : found.end()], found.end()
        for _ in range(ARGUMENTS.get(found[1], 0)):
            sign = _ARGUMENT.match(tex, at)
            if sign is not None:
                done, at = done + "{" + sign[1] + "}", sign.end()
            elif tex[at : at + 1] == "{" and (end := _closing(tex, at)):
                done, at = done + "{" + with_braces(tex[at + 1 : end]) + "}", end + 1
    return done + tex[at:]


def _closing(tex: str, at: int) -> int:
    """Where the brace that opens at `at` closes; 0: nowhere."""
    depth = 0
    for place in range(at, len(tex)):
        depth += {"{": 1, "}": -1}.get(tex[place], 0)
        if depth == 0:
            return place
    return 0


def _drawn(text: str) -> tuple[str, float, float]:
    """Data URI of the SVG, its height and how far it reaches below the line, in points."""
    font = FontProperties(family="DejaVu Sans", size=SIZE)
    width, height, depth, _, _ = MathTextParser("path").parse(text, dpi=72, prop=font)
    with matplotlib.rc_context({"svg.hashsalt": "semdim", "mathtext.fontset": "stix"}):
        figure = Figure(figsize=((width + 2) / 72, (height + 2) / 72))
        figure.text(1 / (width + 2), (depth + 1) / (height + 2), text, fontproperties=font)
        out = io.BytesIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    data = base64.b64encode(out.getvalue()).decode("ascii")
    return f"data:image/svg+xml;base64,{data}", height + 2, depth + 1
