"""Which positions count: one definition for arrays, tensors, tables and single tokens."""

import numpy as np
import pandas as pd
import torch

from semdim.tokens.positions import counted, counted_mask, is_special
from semdim.tokens.sample import bos_mask

IDS = [[7, 3, 7, 4], [5, 7, 6, 6]]
SPECIAL = [[True, False, True, False], [True, True, False, False]]


def test_special_is_position_zero_and_bos_in_every_kind() -> None:
    positions = np.arange(4)
    assert is_special(np.array(IDS), positions, 7).tolist() == SPECIAL
    assert is_special(torch.tensor(IDS), torch.arange(4), 7).tolist() == SPECIAL
    one = [[is_special(token, at, 7) for at, token in enumerate(row)] for row in IDS]
    assert one == SPECIAL
    assert bos_mask(torch.tensor(IDS), 7).tolist() == SPECIAL


def test_the_rest_counts_whether_or_not_is_bos_marks_position_zero() -> None:
    position = np.tile(np.arange(4), 2)
    for special in (np.array(SPECIAL).ravel(), np.array(IDS).ravel() == 7):
        mask = counted_mask(special, position)
        assert mask.tolist() == [not found for row in SPECIAL for found in row]
        table = pd.DataFrame({"is_bos": special, "position": position})
        assert counted(table).index.tolist() == np.flatnonzero(mask).tolist()
