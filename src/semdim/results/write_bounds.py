"""bounds.csv and curve.csv: a row per bound, and the curves over N that DVC plots."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from semdim.bounds.result import Bound
from semdim.bounds.summary import curves
from semdim.results.schema import check_columns

if TYPE_CHECKING:
    import pandas as pd


def bounds_table(bounds: Sequence[Bound]) -> "pd.DataFrame":
    """bounds.csv: a row for each family, N and α."""
    import pandas as pd

    table = pd.DataFrame([bound.to_row() for bound in bounds])
    check_columns("bounds", table)
    return table


def curve_table(bounds: Sequence[Bound], smoothing: float) -> "pd.DataFrame":
    """curve.csv: a row for each N, a column for each curve's total in bits: what DVC plots."""
    import pandas as pd

    columns = {
        name: {bound.size.n_tokens: bound.total for bound in curve}
        for (name, alpha), curve in curves(bounds).items()
        if alpha == smoothing and not name.startswith(("srm_topk_frontier", "risk_by_sparsity"))
    }
    table = pd.DataFrame(columns).sort_index().rename_axis("n_tokens").reset_index()
    check_columns("curve", table)
    return table
