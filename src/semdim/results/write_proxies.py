"""The sample's ledger in a few rows: proxies.csv, a row per proxy, and a row per column."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from semdim.results.schema import check_columns

if TYPE_CHECKING:
    import pandas as pd

    from semdim.bounds.aggregate import SequenceTable


def proxies_of_ledger(
    ledger: "pd.DataFrame", splices: Mapping[str, str], smoothing: float, vocab_size: int
) -> "pd.DataFrame":
    """proxies.csv, each proxy and its gap on the sequences that the proxy was run on.

    Args:
        ledger: rows of the in-distribution sample.
        splices: the splice of every proxy, by its name; these proxies are in the table.
        smoothing: α.
        vocab_size: V.
    """
    import pandas as pd

    from semdim.bounds.aggregate import sequence_losses
    from semdim.ledger.table import LOSS_PREFIX

    parts: dict[int, list[str]] = {}
    for name in splices:
        last = ledger.loc[ledger[LOSS_PREFIX + name].notna(), "sequence"].max()
        parts.setdefault(int(last), []).append(name)
    tables = []
    for last, names in parts.items():
        rows = ledger[ledger["sequence"] <= last]
        losses = sequence_losses(
            rows, list(dict.fromkeys(["model", *names])), smoothing, vocab_size
        )
        nll = {name: float(rows[LOSS_PREFIX + name].mean()) for name in losses.losses}
        table = proxies_table(losses, nll, splices)
        table = table[table["proxy"].isin(names)]
        tables.append(
            table.assign(uncut_share=[_uncut_share(rows, k) for k in table["k"].astype(float)])
        )
    whole = pd.concat(tables).set_index("proxy")
    return whole.loc[list(splices)].reset_index()


def _uncut_share(ledger: "pd.DataFrame", limit: float) -> float:
    """Share of the tokens that a limit on k leaves as they are; NaN without a limit or counts."""
    if np.isnan(limit) or not {"n_active", "is_bos"} <= set(ledger.columns):
        return float("nan")
    from semdim.tokens.positions import counted

    return float((counted(ledger)["n_active"] <= limit).mean())


def proxies_table(
    table: "SequenceTable", nll: Mapping[str, float], splices: Mapping[str, str]
) -> "pd.DataFrame":
    """A sample under each proxy, a row for each.

    ``risk`` and the gaps are in smoothed bits per token, means over sequences; ``abs_gap`` is the
    mean of the sequences' |gap|; ``nll`` is not smoothed.
    """
    import pandas as pd

    from semdim.proxies.names import parse_proxy

    rows = []
    for name, losses in table.losses.items():
        gap = table.losses["model"] - losses
        rows.append(
            {
                "proxy": name,
                "splice": "" if name == "model" else splices[name],
                "k": parse_proxy(name).n_active,
                "n_sequences": table.n_sequences,
                "n_documents": len(np.unique(table.document)),
                "risk": float(losses.mean()),
                "signed_gap": float(gap.mean()),
                "abs_gap": float(np.abs(gap).mean()),
                "nll": nll[name],
            }
        )
    frame = pd.DataFrame(rows)
    check_columns("proxies", frame)
    return frame


def ledger_summary(ledger: "pd.DataFrame") -> "pd.DataFrame":
    """A row for each column that is a quantity: count, mean, std, min, quartiles, max."""
    labels = ("document", "sequence", "position", "token_id", "is_bos", "is_outlier")
    return ledger.drop(columns=list(labels)).describe().T.rename_axis("column").reset_index()
