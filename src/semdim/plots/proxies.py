"""What replaces the activation, and what that costs: ablations, splices, faithfulness."""

import re

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from semdim.plots.families import METHODS, main_rows
from semdim.plots.style import BASELINE, INK, TERM_COLOURS, house_style, legend_below, panels
from semdim.results.read import ProbeResults

SPLICES = {"no_bos": "BOS passed through", "all": "BOS replaced too"}
_SPLICE_SUFFIX = re.compile(r"_(no_bos|all)$")


def base_name(proxy: str) -> str:
    """A proxy's name without the splice that may be part of it."""
    return _SPLICE_SUFFIX.sub("", proxy)


def default_splice(model: ProbeResults) -> str:
    """The splice of the run: the set-up's, else that of the first row with an autoencoder."""
    engine = model.setup.get("engine", {})
    stated = model.setup.get("splice") or (engine.get("splice") if engine else None)
    if stated:
        return str(stated)
    proxies = model.table("proxies")
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
        words = {"topk": f"top {number} atoms", "pool": f"pool of {number} atoms"}.get(kind, name)
    if name != "model" and splice and splice != default:
        words += f", {SPLICES.get(splice, splice)}"
    return words


def ablation_rows(model: ProbeResults) -> pd.DataFrame:
    """proxies.csv in the order of the figure, with a column `words`; pools are left to theirs."""
    proxies = model.table("proxies")
    if proxies.empty:
        return proxies.assign(words=pd.Series(dtype=object))
    rows = proxies[[not base_name(name).startswith("pool_") for name in proxies["proxy"]]].copy()
    default = default_splice(model)
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


def _ablation_panel(axes: Axes, model: ProbeResults, rows: pd.DataFrame) -> None:
    place = np.arange(len(rows))[::-1]
    risk = rows["risk"].to_numpy(dtype=float)
    gap = rows["abs_gap"].fillna(0.0).to_numpy(dtype=float)
    axes.barh(place, risk, height=0.66, color=TERM_COLOURS["proxy_risk"])
    axes.barh(place, gap, left=risk, height=0.66, color=TERM_COLOURS["gap"])
    for y, one, other in zip(place, risk, gap, strict=True):
        text = f"{one:.2f}" + (f" + {other:.2f}" if other else "")
        axes.annotate(
            text,
            (one + other, y),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            bbox={"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none", "alpha": 0.85},
        )
    axes.set_yticks(place, rows["words"])
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("bits per token (smoothed)")
    axes.set_title(model.name)
    top = float((risk + gap).max())
    if model.baseline is not None:
        axes.axvline(model.baseline, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)
        top = max(top, model.baseline)
    axes.set_xlim(0.0, 1.2 * top)


@house_style
def ablations(models: list[ProbeResults]) -> Figure:
    """Proxy risk and |gap| of every proxy as stacked bars with their numbers, log2 V dashed."""
    drawable = [(model, ablation_rows(model)) for model in models]
    drawable = [(model, rows) for model, rows in drawable if len(rows)]
    longest = max(len(rows) for _, rows in drawable)
    figure, axes = panels(len(drawable), height=0.9 + 0.27 * longest)
    for row, (model, rows) in zip(axes, drawable, strict=True):
        _ablation_panel(row[0], model, rows)
    handles: list = [
        Patch(color=TERM_COLOURS["proxy_risk"]),
        Patch(color=TERM_COLOURS["gap"]),
        Line2D([], [], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4),
    ]
    legend_below(figure, handles, ["risk of the proxy", "mean |gap|", "log₂V: random guess"], 3)
    return figure


def faithfulness_rows(model: ProbeResults) -> pd.DataFrame:
    """Rows of the family faithfulness at the largest N, smallest certified gap first."""
    rows = main_rows(model)
    rows = rows[rows["family"] == "faithfulness"]
    if rows.empty:
        return rows
    rows = rows[rows["n_tokens"] == rows["n_tokens"].max()]
    rows = rows.loc[rows.groupby("proxy")["total"].idxmin()]
    return rows.sort_values("total").reset_index(drop=True)


@house_style
def faithfulness(models: list[ProbeResults]) -> Figure:
    """Mean |gap| per proxy with its certified upper end."""
    drawable = [(model, faithfulness_rows(model)) for model in models]
    drawable = [(model, rows) for model, rows in drawable if len(rows)]
    longest = max(len(rows) for _, rows in drawable)
    figure, axes = panels(len(drawable), height=1.1 + 0.34 * longest)
    for row, (model, rows) in zip(axes, drawable, strict=True):
        panel = row[0]
        place = np.arange(len(rows))[::-1]
        mean, upper = rows["gap"].to_numpy(dtype=float), rows["total"].to_numpy(dtype=float)
        panel.hlines(place, mean, upper, color=TERM_COLOURS["gap"], linewidth=5, alpha=0.55)
        panel.plot(mean, place, "o", color=TERM_COLOURS["gap"], markersize=7)
        panel.plot(upper, place, "|", color=INK, markersize=14, mew=2.2)
        for x, y, text in zip(upper, place, upper, strict=True):
            panel.annotate(
                f"at most {text:.3g}",
                (x, y),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
            )
        default = default_splice(model)
        panel.set_yticks(
            place,
            [
                proxy_words(name, default, default)
                + (f"\n({METHODS.get(how, how)})" if how else "")
                for name, how in zip(rows["proxy"], rows["method"], strict=True)
            ],
        )
        panel.set_ylim(-0.6, len(rows) - 0.4)
        panel.set_xlim(0.0, 1.3 * float(upper.max()))
        panel.grid(axis="x")
        panel.grid(visible=False, axis="y")
        panel.set_xlabel("|loss of the model − loss of the proxy|, bits per token")
        panel.set_title(model.name)
    handles: list = [
        Line2D([], [], linestyle="none", marker="o", color=TERM_COLOURS["gap"], markersize=7),
        Line2D([], [], linestyle="none", marker="|", color=INK, markersize=12, mew=2.2),
    ]
    legend_below(figure, handles, ["mean in the sample", "certified upper end"], 2)
    return figure
