"""What replaces the activation: its names in words, its losses, its certified gap."""

import re

import pandas as pd

from semdim.plots.families import (
    main_rows,
)
from semdim.results.read import ProbeResults

SPLICES = {"no_bos": "BOS passed through", "all": "BOS replaced too"}
_SPLICE_SUFFIX = re.compile(r"_(no_bos|all)$")


def base_name(proxy: str) -> str:
    """A proxy's name without the splice that may be part of it."""
    return _SPLICE_SUFFIX.sub("", proxy)


def default_splice(probe: ProbeResults) -> str:
    """The splice of the run: the set-up's, else that of the first row with an autoencoder."""
    engine = probe.setup.get("engine", {})
    stated = probe.setup.get("splice") or (engine.get("splice") if engine else None)
    if stated:
        return str(stated)
    proxies = probe.table("proxies")
    rows = proxies[(proxies["proxy"] != "model") & (proxies["splice"] != "")]
    return str(rows["splice"].iloc[0]) if len(rows) else "no_bos"


def proxy_words(proxy: str, splice: str, default: str) -> str:
    """A proxy in words."""
    name = base_name(proxy)
    words = {
        "model": "the model itself",
        "sae": "SAE reconstruction",
        "random_decoder": "random decoder",
        "shuffled_features": "shuffled features",
    }.get(name)
    if words is None:
        kind, _, number = name.partition("_")
        words = {"topk": f"at most {number} atoms", "pool": f"pool of {number} atoms"}.get(
            kind, name
        )
    if name != "model" and splice and splice != default:
        words += f", {SPLICES.get(splice, splice)}"
    return words


def ablation_rows(probe: ProbeResults) -> pd.DataFrame:
    """proxies.csv in the order of the figure, with a column `words`; pools are left to theirs."""
    proxies = probe.table("proxies")
    if proxies.empty:
        return proxies.assign(words=pd.Series(dtype=object))
    rows = proxies[[not base_name(name).startswith("pool_") for name in proxies["proxy"]]].copy()
    default = default_splice(probe)
    rows["words"] = [
        proxy_words(proxy, splice, default)
        for proxy, splice in zip(rows["proxy"], rows["splice"], strict=True)
    ]
    order = ["model", "sae", "topk", "shuffled_features", "random_decoder"]

    def place(proxy: str) -> int:
        kind = re.sub(r"_\d+$", "", base_name(proxy))
        return order.index(kind) if kind in order else len(order)

    rows["place"] = [place(proxy) for proxy in rows["proxy"]]
    rows["other_splice"] = (rows["splice"] != default) & (rows["proxy"] != "model")
    rows["size"] = -pd.to_numeric(rows["k"], errors="coerce").fillna(0.0)
    rows = rows.sort_values(["place", "other_splice", "size"], kind="stable")
    return rows.reset_index(drop=True)


def raw_loss(probe: ProbeResults) -> float | None:
    """The model's own loss without smoothing, bits per token, mean over sequences; None where it
    was not measured."""
    rows = probe.table("proxies")
    found = rows.loc[rows["proxy"] == "model", "nll"].dropna()
    return float(found.iloc[0]) if len(found) else None


def faithfulness_rows(probe: ProbeResults, family: str = "faithfulness") -> pd.DataFrame:
    """Rows of the family at the largest N, smallest certified change first."""
    rows = main_rows(probe)
    rows = rows[rows["family"] == family]
    if rows.empty:
        return rows
    rows = rows[rows["n_tokens_asked"] == rows["n_tokens_asked"].max()]
    rows = rows.loc[rows.groupby("proxy")["total"].idxmin()]
    return rows.sort_values("total").reset_index(drop=True)
