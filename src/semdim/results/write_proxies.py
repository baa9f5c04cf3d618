"""The sample's ledger in a few rows: proxies.csv, a row per proxy, and a row per column."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from semdim.ledger.means import RunningMean
from semdim.ledger.rows import EXACT_ROWS, Rows, stretches, up_to
from semdim.results.schema import check_columns

if TYPE_CHECKING:
    import pandas as pd

    from semdim.bounds.aggregate import SequenceTable

LOSS_PREFIX = "nll_"
LABELS = ("document", "sequence", "position", "token_id", "is_bos", "is_outlier")
"""Columns of a ledger that are no quantities."""


def proxies_of_ledger(
    ledger: Rows, splices: Mapping[str, str], smoothing: float, vocab_size: int
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

    parts: dict[int, list[str]] = {}
    for name, last in _last_sequences(ledger, list(splices)).items():
        parts.setdefault(last, []).append(name)
    tables = []
    for last, names in parts.items():
        rows = up_to(ledger, last)
        losses = sequence_losses(
            rows, list(dict.fromkeys(["model", *names])), smoothing, vocab_size
        )
        table = proxies_table(losses, _raw_means(rows, list(losses.losses)), splices)
        table = table[table["proxy"].isin(names)]
        shares = _uncut_shares(rows, table["k"].astype(float).to_numpy())
        tables.append(table.assign(uncut_share=shares))
    whole = pd.concat(tables).set_index("proxy")
    return whole.loc[list(splices)].reset_index()


def _last_sequences(ledger: Rows, proxies: list[str]) -> dict[str, int]:
    """The last sequence that each proxy was run on."""
    found: dict[str, int] = {}
    columns = [LOSS_PREFIX + name for name in proxies]
    for rows in stretches(ledger, ["sequence", *columns]):
        for name, column in zip(proxies, columns, strict=True):
            last = rows.loc[rows[column].notna(), "sequence"].max()
            if last == last:  # NaN where it was run on none of these
                found[name] = max(int(last), found.get(name, -1))
    return {name: found[name] for name in proxies}


def _raw_means(ledger: Rows, proxies: list[str]) -> dict[str, float]:
    """Mean of the losses as they are, of each proxy."""
    import pandas as pd

    means = {name: RunningMean(lambda values: float(pd.Series(values).mean())) for name in proxies}
    for rows in stretches(ledger, [LOSS_PREFIX + name for name in proxies]):
        for name, mean in means.items():
            mean.add(rows[LOSS_PREFIX + name].to_numpy())
    return {name: mean.mean() for name, mean in means.items()}


def _uncut_shares(ledger: Rows, limits: "np.ndarray") -> list[float]:
    """Share of the tokens that each limit on k leaves as they are; NaN without one or counts."""
    if not {"n_active", "is_bos"} <= set(ledger.columns):
        return [float("nan")] * len(limits)
    from semdim.tokens.positions import counted

    n_tokens, below = 0, np.zeros(len(limits), dtype=np.int64)
    for rows in stretches(ledger, ("n_active", "is_bos", "position")):
        n_active = counted(rows)["n_active"].to_numpy()
        n_tokens += len(n_active)
        below += [int((n_active <= limit).sum()) for limit in limits]
    return [
        float("nan") if np.isnan(limit) or not n_tokens else float(n / n_tokens)
        for limit, n in zip(limits, below, strict=True)
    ]


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


def ledger_summary(ledger: Rows) -> "pd.DataFrame":
    """A row for each column that is a quantity: count, mean, std, min, quartiles, max; one column
    in memory at a time. Of more than `EXACT_ROWS` rows, those of the first so many."""
    import pandas as pd

    if isinstance(ledger, pd.DataFrame):
        return _summary(ledger.drop(columns=[name for name in LABELS if name in ledger]))
    parts = []
    for name in (name for name in ledger.columns if name not in LABELS):
        values, n_rows = [], 0
        for rows in ledger.stretches([name]):
            values.append(rows)
            n_rows += len(rows)
            if n_rows >= EXACT_ROWS:
                break
        parts.append(_summary(pd.concat(values)))
    return pd.concat(parts, ignore_index=True)


def _summary(rows: "pd.DataFrame") -> "pd.DataFrame":
    return rows.describe().T.rename_axis("column").reset_index()
