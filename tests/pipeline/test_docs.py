"""The quick commands of the documentation that need results, run page by page in their order."""

import pytest

from tests.doc_commands import TINY, every_line, run
from tests.pipeline.conftest import Clone

pytestmark = pytest.mark.slow

LINES = [line for line in every_line() if line.mark == TINY]
PAGES = list(dict.fromkeys(line.page for line in LINES))


@pytest.mark.parametrize("page", PAGES)
def test_quick_commands_run_one_after_the_other(
    fresh: Clone, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    for line in (line for line in LINES if line.page == page):
        done = run(line, fresh.root, **fresh.environment)
        assert done.code == 0, f"{line}: {line.text}\n{done.output}"
