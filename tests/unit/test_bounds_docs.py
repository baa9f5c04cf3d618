"""The worked numbers of docs/bounds.md are recomputed."""

import re
from pathlib import Path

import numpy as np
import pytest

from semdim.bounds.families.covering_dudley import covering_complexity
from semdim.bounds.families.holdout import holdout
from semdim.bounds.families.pool import occam_pool, pool
from semdim.bounds.published_terms import published_terms
from semdim.bounds.result import SampleSize
from semdim.bounds.words import FAMILIES, NOT_CERTIFICATES

PAGE = Path(__file__).parents[2] / "docs" / "bounds.md"


def worked_numbers() -> list[tuple[str, float]]:
    text = PAGE.read_text(encoding="utf-8").split("## Worked numbers")[1].split("## How")[0]
    return [
        (what.replace("`", ""), float(value))
        for what, value in re.findall(r"^\| (`.+?) \| .* \| ([\d.]+) \|$", text, re.MULTILINE)
    ]


def recomputed() -> list[tuple[str, float]]:
    model = {"vocab_size": 50257, "smoothing": 0.5}
    check = {"n_active": 100, "dict_size": 100_000, "n_tokens": 1_000_000, **model}
    figure = {"n_active": 59.77, "dict_size": 24576, "n_tokens": 25088, **model}
    first = published_terms(failure_prob=0.05, **check)
    second = published_terms(failure_prob=0.05, **figure)
    losses = np.tile([5.0, 6.0, 7.0, 8.0], 50)
    small = {"size": SampleSize(25_600, 200, 200), "failure_prob": 0.05, **model}
    size = SampleSize(1_280_000, 10_000, 10_000)
    atoms = {"pool_size": 24510, "dict_size": 24576, "size": size, "failure_prob": 0.05, **model}
    means = {"proxy_risk": 7.358728, "gap": 0.215941, "outside_share": 0.0013, **atoms}
    return [
        ("as_published, complexity", first.complexity),
        ("as_published, tail", first.tail),
        ("covering_dudley, complexity", covering_complexity(**check)),
        ("covering_dudley, complexity_exact", covering_complexity(reading="exact", **check)),
        ("as_published, complexity", second.complexity),
        ("as_published, tail", second.tail),
        ("as_published, total", 6.7182 + second.complexity + second.tail),
        ("as_published, total", 6.75 + second.complexity + second.tail),
        ("holdout, hoeffding", holdout(losses, method="hoeffding", **small).total),
        ("holdout, maurer_pontil", holdout(losses, method="maurer_pontil", **small).total),
        (
            "holdout, betting, cap 0.75",
            holdout(losses, method="betting", bet_cap=0.75, **small).total,
        ),
        ("holdout, betting", holdout(losses, method="betting", **small).total),
        ("pool_split", pool(chosen_on_sample=False, **means).total),
        ("pool_occam", pool(chosen_on_sample=True, **means).total),
        ("occam_pool", occam_pool(7.358728, **atoms).total),
    ]


def test_worked_numbers() -> None:
    written, computed = worked_numbers(), recomputed()
    assert [name for name, _ in written] == [name for name, _ in computed]
    for (name, printed), (_, value) in zip(written, computed, strict=True):
        assert printed == pytest.approx(value, abs=1.1e-6), name


def test_every_family_has_its_section() -> None:
    text = PAGE.read_text(encoding="utf-8")
    headings = [line for line in text.splitlines() if re.match(r"## \d", line)]
    for family in FAMILIES:
        assert f"`{family}`" in text, family
    marked = [
        line for line in headings if "not a certificate" in line or "not certificates" in line
    ]
    assert len(headings) == 10 and len(marked) == 2 and len(NOT_CERTIFICATES) == 3
