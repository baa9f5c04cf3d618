"""README's numbers are those of the committed results."""

from pathlib import Path

import pytest

from semdim.errors import ArtifactError
from semdim.paths import Paths
from semdim.results.readme import BEGIN, END, PROBE, found, in_step

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_says_what_the_results_say() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert in_step(page, found(Paths(ROOT).results(PROBE))) == page, (
        "run `python -m semdim.results.readme --write README.md`"
    )


def test_a_page_without_the_comments_is_refused() -> None:
    assert in_step(f"a {BEGIN} old {END} b", "new") == f"a {BEGIN}\nnew\n{END} b"
    for page in ("nothing", f"{BEGIN} never ends", f"{END} {BEGIN}"):
        with pytest.raises(ArtifactError, match="lacks the comments"):
            in_step(page, "new")
