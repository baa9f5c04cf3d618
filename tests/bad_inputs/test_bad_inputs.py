"""Every bad input ends in one clear sentence, or in the right result."""

from collections import Counter
from pathlib import Path

import pytest

from tests.bad_inputs import commands, files, values
from tests.bad_inputs.case import Bad, check

CASES = [*files.cases(), *commands.cases(), *values.cases()]


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name)
def test_a_bad_input_is_one_sentence_or_a_right_result(bad: Bad, tmp_path: Path) -> None:
    check(bad, tmp_path)


@pytest.mark.parametrize("kind", files.KINDS, ids=lambda kind: kind.name)
def test_the_whole_file_is_read(kind: files.Kind, tmp_path: Path) -> None:
    if kind.name in ("params.yaml", "config.json", "cfg.json", "scores.parquet"):
        pytest.skip("needs exports, a model, an SAE or a ledger, which other tests read")
    path = tmp_path / kind.name.split("/")[-1]
    path.write_bytes(kind.whole())
    if kind.name != "sae_weights.safetensors":
        kind.read(path)


def test_there_are_so_many_bad_inputs() -> None:
    assert len(CASES) == COUNT >= 300
    assert [name for name, times in Counter(bad.name for bad in CASES).items() if times > 1] == []


COUNT = 1053
"""Files, commands and values together."""
