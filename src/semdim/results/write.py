"""The small results that git keeps: a row per bound, a row per proxy, the facts of a run."""

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semdim.bounds.family import kind_of
from semdim.bounds.result import Bound
from semdim.bounds.summary import curves

if TYPE_CHECKING:
    import pandas as pd

    from semdim.bounds.aggregate import SequenceTable

PACKAGES = (
    "semdim", "torch", "transformer-lens", "sae-lens", "transformers", "datasets", "gensim",
)  # fmt: skip


def bounds_table(bounds: Sequence[Bound]) -> "pd.DataFrame":
    """bounds.csv: a row for each family, N and α."""
    import pandas as pd

    return pd.DataFrame([bound.to_row() for bound in bounds])


def curve_table(bounds: Sequence[Bound], smoothing: float) -> "pd.DataFrame":
    """curve.csv: a row for each N, a column for each curve's total in bits: what DVC plots."""
    import pandas as pd

    columns = {
        name: {bound.size.n_tokens: bound.total for bound in curve}
        for (name, alpha), curve in curves(bounds).items()
        if alpha == smoothing and kind_of(curve[0].family).headline == "curve"
    }
    table = pd.DataFrame(columns).sort_index()
    return table.rename_axis("n_tokens").reset_index()


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
        tables.append(table[table["proxy"].isin(names)])
    whole = pd.concat(tables).set_index("proxy")
    return whole.loc[list(splices)].reset_index()


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
    return pd.DataFrame(rows)


def ledger_summary(ledger: "pd.DataFrame") -> "pd.DataFrame":
    """A row for each column that is a quantity: count, mean, std, min, quartiles, max."""
    labels = ("document", "sequence", "position", "token_id", "is_bos", "is_outlier")
    return ledger.drop(columns=list(labels)).describe().T.rename_axis("column").reset_index()


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
    """metrics.json of a model: what `dvc exp show` and `dvc metrics diff` put side by side.

    folder: results/models/<model>. Beside `HEADLINE`: ``gap``, the mean |loss gap| of the SAE in
    bits; ``k``, the mean n_active of each corpus without position 0; ``auroc``, of a sequence's
    mean n_active against each shift. A number that was not computed is None, or left out of its
    group.

    Raises:
        ArtifactError: a file is missing.
    """
    import pandas as pd

    from semdim.errors import ArtifactError

    names = ("bound.json", "proxies.csv", "sparsity.csv", "uncertainty.csv")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ArtifactError(f"{folder} lacks {', '.join(missing)}; `dvc repro` computes them.")
    bound = json.loads((folder / "bound.json").read_text(encoding="utf-8"))
    proxies, sparsity, uncertainty = (pd.read_csv(folder / name) for name in names[1:])
    gaps = proxies.loc[proxies["proxy"] == "sae", "abs_gap"]
    inside = sparsity[sparsity["positions"] == "without_bos"]
    sign = uncertainty[
        (uncertainty["score"] == "n_active") & (uncertainty["level"] == "sequence_mean")
    ]
    return {
        **{name: bound.get(key) for name, key in HEADLINE.items()},
        "gap": float(gaps.iloc[0]),
        "k": {str(c): float(k) for c, k in zip(inside["corpus"], inside["mean"], strict=True)},
        "auroc": {str(s): float(a) for s, a in zip(sign["shift"], sign["auroc"], strict=True)},
    }


#: Sections of params.yaml that say what is computed. How it is tracked and on how many threads it
#: runs changes no result.
SECTIONS = ("corpora", "tokens", "grid", "splice", "seed", "bound", "surface", "uncertainty")


def params_text(params: Mapping[str, Any], model: str) -> str:
    """The part of params.yaml that one model's results depend on, as YAML.

    Other models of the same run are left out: two runs that differ in them alone measured the same.
    """
    import yaml

    own = {"models": {model: params["models"][model]}}
    own |= {name: params[name] for name in SECTIONS}
    own["grid"] = {name: value for name, value in own["grid"].items() if name != "model"}
    own["engine"] = {"compute_dtype": params["engine"]["compute_dtype"]}
    return yaml.safe_dump(own, sort_keys=False, allow_unicode=True)


def setup_facts(
    facts: Mapping[str, Mapping[str, Any]], sample: str, engine: Mapping[str, Any]
) -> dict[str, Any]:
    """setup.json: what was measured on what, from the ledgers' own metadata."""
    of_sample = facts[sample]
    return {
        "model": {
            "name": of_sample["model"],
            "n_layers": of_sample["n_layers"],
            "d_model": of_sample["d_model"],
            "vocab_size": of_sample["vocab_size"],
            "fingerprint": of_sample["model_fingerprint"],
        },
        "sae": {
            "name": of_sample["sae"],
            "architecture": of_sample["sae_architecture"],
            "hook_point": of_sample["hook_name"],
            "dict_size": of_sample["dict_size"],
            "mean_n_active_card": of_sample["sae_mean_n_active"],
            "fingerprint": of_sample["sae_fingerprint"],
        },
        "sample": sample,
        "splice": of_sample["splice"],
        "context": of_sample["context"],
        "seed": of_sample["seed"],
        "corpora": {
            name: {
                "role": of_corpus["role"],
                "n_tokens": of_corpus["n_tokens"],
                "n_sequences": of_corpus["n_sequences"],
                "n_documents": of_corpus["n_documents"],
                "account": of_corpus["counts"],
                "versions": of_corpus["versions"],
                **of_corpus["codes"],
            }
            for name, of_corpus in facts.items()
        },
        "engine": {"compute_dtype": of_sample["compute_dtype"], **engine},
        "packages": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
    }
