"""The quick commands of the documentation that need results, run page by page in their order."""

import pandas as pd
import pytest

from tests.doc_commands import ROOT, TINY, every_line, run
from tests.kept_text import is_here
from tests.pipeline.conftest import Clone

pytestmark = pytest.mark.slow

LINES = [line for line in every_line() if line.mark == TINY]
PAGES = list(dict.fromkeys(line.page for line in LINES))
#: What such a command writes, by page, and the committed columns of it that the page is made from.
KEPT = {
    "docs/sweeps.md": ("multirun/tiny.csv", "docs/sweeps.csv"),
    "docs/experiments.md": ("multirun/delta.csv", "docs/experiments.csv"),
}


@pytest.mark.parametrize("page", PAGES)
def test_quick_commands_run_one_after_the_other(
    fresh: Clone, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    for line in (line for line in LINES if line.page == page):
        done = run(line, fresh.root, **fresh.environment)
        assert done.code == 0, f"{line}: {line.text}\n{done.output}"
    if page in KEPT:
        made, kept = KEPT[page]
        committed = pd.read_csv(ROOT / kept)
        found = pd.read_csv(fresh.root / made)[list(committed)]
        if is_here():
            pd.testing.assert_frame_equal(found, committed, rtol=1e-3, check_dtype=False)
        assert found.shape == committed.shape
