"""Energy is the log of the largest probability minus the largest logit, to rounding."""

import numpy as np
import pytest
import torch

from semdim.uncertainty.energy_parts import COLUMNS, PARTS, energy_rows, parts_of


def of_logits(logits: torch.Tensor) -> dict[str, np.ndarray]:
    energy = -logits.logsumexp(-1)
    return parts_of(energy.numpy(), logits.softmax(-1).amax(-1).numpy())


def test_the_parts_add_up_and_one_of_them_is_free() -> None:
    logits = torch.randn(4, 6, 50, generator=torch.Generator().manual_seed(0)) * 3
    found = of_logits(logits)
    largest = logits.amax(-1).mean(-1).numpy()
    np.testing.assert_allclose(found["minus_largest_logit"], -largest, rtol=1e-5)
    total = found["log_max_prob"] + found["minus_largest_logit"]
    np.testing.assert_allclose(total, found["energy"], rtol=1e-6)
    # The same predictions at another level: only what nothing fixes has moved.
    moved = of_logits(logits + 7.0)
    np.testing.assert_allclose(moved["log_max_prob"], found["log_max_prob"], rtol=1e-4)
    np.testing.assert_allclose(moved["energy"], found["energy"] - 7.0, rtol=1e-5)


def test_a_row_for_each_corpus() -> None:
    logits = torch.randn(8, 6, 50, generator=torch.Generator().manual_seed(1))
    corpora = {"english": of_logits(logits), "python": of_logits(logits + 5.0)}
    english, python = energy_rows("m", corpora, "english")
    assert set(python) == set(COLUMNS) and not any("auroc" in name for name in english)
    assert python["energy_auroc"] == python["minus_largest_logit_auroc"] == 0.0
    assert python["log_max_prob_auroc"] == pytest.approx(0.5, abs=0.05)
    assert python["energy_mean"] == pytest.approx(sum(python[f"{p}_mean"] for p in PARTS[1:]))
