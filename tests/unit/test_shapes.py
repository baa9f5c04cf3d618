"""Shapes in annotations are checked whenever tests call what they annotate."""

import pytest
import torch

from semdim.forward.next_token import losses


def test_an_array_of_another_shape_is_refused() -> None:
    found, _ = losses(torch.zeros(3, 5), torch.zeros(3, 1, dtype=torch.int64))
    assert found.nll.shape == (3,)
    for target in (torch.zeros(2, 1, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)):
        with pytest.raises(Exception, match="target"):
            losses(torch.zeros(3, 5), target)
