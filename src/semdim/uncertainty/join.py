"""Scores that have a table of their own, put beside the ledger's columns."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from semdim.errors import DataError
from semdim.uncertainty.rows import DocumentSplit

ROW = ("document", "sequence", "position", "token_id")
"""What a row of the ledger and of a table of scores must agree in."""


def join_scores(ledger: pd.DataFrame, scores: pd.DataFrame, corpus: str) -> pd.DataFrame:
    """The ledger of one corpus with the columns of a table of scores that is not yet in it.

    Raises ``DataError`` when the two are not of the same tokens.
    """
    order = ["sequence", "position"]
    ledger = ledger.sort_values(order, ignore_index=True)
    scores = scores.sort_values(order, ignore_index=True)
    if len(ledger) != len(scores) or not all(ledger[key].equals(scores[key]) for key in ROW):
        raise DataError(
            f"The scores of corpus {corpus!r} were not computed on the tokens in its ledger; run "
            "`dvc repro`, which computes both from the same sample."
        )
    return ledger.assign(**{name: scores[name] for name in scores.columns if name not in ledger})


def check_fit_documents(fitted: Sequence[int] | None, split: DocumentSplit) -> None:
    """Refuse scores that were fitted on other documents than this study sets aside for it.

    Raises ``DataError``: rates would be measured on text that a score has seen.
    """
    if fitted is None or not np.array_equal(np.sort(np.asarray(fitted)), split.fit):
        raise DataError(
            "The scores from activations were fitted on other documents than this study sets "
            "aside for fitting (uncertainty.fit_share, seed), so it would test them on text they "
            "have seen; run `dvc repro`, which fits them again."
        )
