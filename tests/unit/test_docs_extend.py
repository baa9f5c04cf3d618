"""docs/extend.md shows files of the repository as they are, and its plugins do register."""

import re
import subprocess
import sys

import pytest

from tests.doc_commands import ROOT

PAGE = (ROOT / "docs/extend.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"<!-- from (\S+) -->\n\n```\w+\n(.*?)```", PAGE, re.DOTALL)
PLUGINS = dict.fromkeys(re.findall(r"plugins=\[([\w.]+)\]'", PAGE))
FOUND = """
from semdim.bounds.family import FAMILIES
from semdim.plots.catalogue import FIGURES, TABLES
from semdim.proxies.names import parse_proxy
from semdim.registry import load_plugins
from semdim.report.sentences import READINGS
from semdim.text.kind import KINDS
from semdim.uncertainty.score import all_scores

load_plugins({plugins})
print(
    parse_proxy("first_atoms_4608").says, "poem" in KINDS,
    "code_norm" in [score.name for score in all_scores()], "extra_family" in FAMILIES,
    "sample_sizes_drawn" in FIGURES, "sample_sizes_listed" in TABLES,
    "sample_sizes_read" in READINGS, sep="\\n",
)
"""


@pytest.mark.parametrize(("name", "snippet"), SNIPPETS)
def test_a_snippet_is_a_part_of_its_file(name: str, snippet: str) -> None:
    assert snippet in (ROOT / name).read_text(encoding="utf-8")


def test_every_snippet_says_where_it_is_from() -> None:
    assert len(SNIPPETS) == len(re.findall(r"^```\w+$", PAGE, re.MULTILINE)) >= 7


def test_the_plugins_of_the_page_are_found_in_the_registries() -> None:
    modules = [name for name in PLUGINS if name != "my_module"]
    done = subprocess.run(
        [sys.executable, "-c", FOUND.format(plugins=modules)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "S(h) with codes restricted to atoms 0 to 4608 − 1", *["True"] * 6,
    ]  # fmt: skip
