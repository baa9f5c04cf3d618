"""The bounds for each source of a text, and for their mixture."""

import pandas as pd

from semdim.plots.families import main_rows
from semdim.results.read import ProbeResults


def source_rows(probe: ProbeResults) -> pd.DataFrame:
    """Rows of the families holdout_by_source and holdout_mixture, with a column ``text`` that says
    on what: ``news``, ``the mixture (26 % wikipedia, 74 % news)``. Empty for a text whose sources
    are not known."""
    rows = main_rows(probe)
    rows = rows[rows["family"].isin(("holdout_by_source", "holdout_mixture"))].copy()
    single = rows[rows["family"] == "holdout_by_source"]
    shares = ", ".join(
        f"{100 * share:.0f} % {label}"
        for label, share in zip(single["source"], single["source_share"], strict=True)
    )
    is_mixture = rows["family"] == "holdout_mixture"
    return rows.assign(text=rows["source"].mask(is_mixture, f"the mixture ({shares})"))
