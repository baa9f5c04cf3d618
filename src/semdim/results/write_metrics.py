"""metrics.json and params.yaml: what runs are compared by, and the settings that they belong to."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

#: metrics.json: a name of ours, short because DVC prints a column for each, and that in bound.json.
#: Bits at the largest N, tokens for the N at which the published bound meets log2 V.
HEADLINE = {
    "n_tokens": "n_tokens",
    "log2_v": "baseline",
    "as_published": "as_published_total",
    "as_published_from_n": "as_published_crossing_n_tokens",
    "holdout": "holdout_betting_total",
    "srm_topk": "srm_topk_total",
    "faithfulness": "faithfulness_sae_total",
}


def run_metrics(folder: Path) -> dict[str, Any]:
    """metrics.json of a probe: what `dvc exp show` and `dvc metrics diff` put side by side.

    folder: results/probes/<probe>. Beside `HEADLINE`: ``gap``, the mean |loss gap| of the SAE in
    bits; ``k``, the mean n_active of each corpus without position 0; ``auroc``, of n_active against
    each shift, at the level chosen for it. A number that was not computed is None, or left out of
    its group.

    Raises:
        ArtifactError: a file is missing.
    """
    import pandas as pd

    from semdim.errors import ArtifactError
    from semdim.reading import read_json

    names = ("bound.json", "proxies.csv", "sparsity.csv", "uncertainty.csv")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ArtifactError(f"{folder} lacks {', '.join(missing)}; `dvc repro` computes them.")
    bound = read_json(folder / "bound.json")
    proxies, sparsity, uncertainty = (pd.read_csv(folder / name) for name in names[1:])
    gaps = proxies.loc[proxies["proxy"] == "sae", "abs_gap"]
    inside = sparsity[sparsity["positions"] == "without_bos"]
    sign = uncertainty[(uncertainty["score"] == "n_active") & (uncertainty["level"] == "chosen")]
    return {
        **{name: bound.get(key) for name, key in HEADLINE.items()},
        "gap": float(gaps.iloc[0]),
        "k": _by_name(inside["corpus"], inside["mean"]),
        "auroc": _by_name(sign["shift"], sign["auroc"]),
    }


def _by_name(names: Iterable[object], values: Iterable[float]) -> dict[str, float]:
    from semdim.results.cells import plain

    return {plain(str(name)): float(value) for name, value in zip(names, values, strict=True)}


#: Sections of params.yaml that say what is computed. How it is tracked and on how many threads it
#: runs changes no result.
SECTIONS = (
    "corpora", "tokens", "grid", "splice", "seed", "bound", "surface", "uncertainty", "rounding",
    "errors",
)  # fmt: skip


def params_text(params: Mapping[str, Any], probe: str) -> str:
    """The part of params.yaml that one probe's results depend on, as YAML.

    Other probes of the same run are left out: two runs that differ in them alone measured the same.
    """
    import yaml

    own = params["probes"][probe]
    kept: dict[str, Any] = {
        "models": {own["model"]: params["models"][own["model"]]},
        "probes": {probe: own},
    }
    kept |= {name: params[name] for name in SECTIONS}
    grid = params["grid"].items()
    kept["grid"] = {name: value for name, value in grid if name not in ("model", "probe")}
    kept["engine"] = {name: params["engine"][name] for name in ("compute_dtype", "backend")}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
