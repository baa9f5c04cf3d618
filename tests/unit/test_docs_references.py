"""The numbers quoted in docs/references.md: those of the source, and ours for the same inputs."""

import re
from pathlib import Path

import numpy as np
import pytest

from semdim.bounds.families.holdout import holdout_from_mean
from semdim.bounds.families.pool import pool
from semdim.bounds.units import SampleSize

PAGE = Path(__file__).parents[2] / "docs" / "references.md"

# Rows N = 10,000 of fig1_tab1/final_ops_64 in the code of arXiv 2606.18383: V, m, P, risk of the
# model, of the proxy, gap, share of sequences outside of the pool, and the two bounds it states.
RELEASED = {
    "GPT-2 Small": (
        50257, 24576, 24510, 7.164825916290283, 7.358727931976318, 0.21594089269638062,
        0.0013000000035390258, 10.422567803780776, 7.355959030918816,
    ),
    "Gemma-2B": (
        256000, 16384, 16078, 5.9252028465271, 6.419179439544678, 0.5006166100502014,
        0.0003000000142492354, 12.415426552664945, 6.145081373216072,
    ),
    "Llama-3-8B": (
        128256, 131072, 130700, 5.29153299331665, 6.206446647644043, 0.9151445031166077,
        0.002899999963119626, 13.739098682811365, 5.499208132803835,
    ),
}  # fmt: skip


def quoted() -> dict[str, list[float]]:
    """Model → the six numbers of its row on the page."""
    rows = re.findall(
        r"^\| (GPT-2 Small|Gemma-2B|Llama-3-8B), layer \d+ \|(.*)\|$", PAGE.read_text(), re.M
    )
    return {name: [float(cell) for cell in cells.split("|")[1:]] for name, cells in rows}


@pytest.mark.parametrize("name", RELEASED)
def test_bounds_of_the_released_tables_are_ours_for_the_same_inputs(name: str) -> None:
    vocab, atoms, used, model, proxy, gap, outside, occam, direct = RELEASED[name]
    shared = {"vocab_size": vocab, "smoothing": 0.5, "failure_prob": 0.05}
    size = SampleSize(320_000, 10_000, 10_000)
    inputs = {
        "proxy_risk": proxy, "gap": gap, "outside_share": outside, "pool_size": used,
        "dict_size": atoms, "size": size, **shared,
    }  # fmt: skip
    paid = pool(chosen_on_sample=True, **inputs).total
    split = pool(chosen_on_sample=False, **inputs).total
    own = holdout_from_mean(model, size=size, **shared).total
    assert paid == pytest.approx(occam, abs=2e-5)
    assert own == pytest.approx(direct, abs=2e-5)
    assert own < split < paid
    np.testing.assert_allclose(
        quoted()[name], np.round([model, proxy, gap, split, paid, own], 4), atol=1e-9
    )


def test_every_model_of_the_released_tables_is_on_the_page() -> None:
    assert set(quoted()) == set(RELEASED)
