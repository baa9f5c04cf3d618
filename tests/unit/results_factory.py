"""Synthetic results for the tests of figures and report: invented numbers in the right files.

The formulas are rough stand-ins with plausible sizes; nothing here is a measurement.
"""

import functools
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ledger_factory import VOCAB_SIZE, make_ledger

from semdim.mistakes.spec import ErrorsSpec
from semdim.mistakes.study import ErrorsResult, Settings, measure_errors
from semdim.records import to_plain
from semdim.uncertainty.guardrail import (
    Alarm,
    Choice,
    FixedRule,
    FixedRuleRow,
    Guardrail,
    Limit,
    Measured,
    Rates,
    Spread,
    Stability,
)

GRID = (1_000, 2_000, 5_000, 10_000, 20_000, 35_000, 50_000, 75_000, 100_000)
TOP_K = (8, 16, 32, 64, 128, 256)
POOLS = (256, 512, 1024, 2048, 4096)
CORPORA = {"english": "id", "python": "shifted", "replaced": "near", "random": "far"}


def bounds_table(
    *,
    vocab_size: int,
    dict_size: int,
    k: float,
    risk: float,
    gap: float,
    sequences_per_document=2.5,
) -> pd.DataFrame:
    """Rows of every family, by the shapes of their formulas."""
    smoothing, failure_prob = 0.5, 0.05
    ceiling = math.log2(vocab_size / smoothing)
    span = math.log2(1 + (1 - smoothing) * vocab_size / smoothing)
    rows: list[dict[str, Any]] = []

    def row(family: str, certificate: bool, n_tokens: int, **values: Any) -> None:
        n_sequences = math.ceil(n_tokens / 128)
        terms = ("proxy_risk", "gap", "outside", "complexity", "tail", "gap_tail")
        entry = {
            "family": family,
            "is_certificate": certificate,
            "unit": "document" if certificate else "token",
            "n_tokens": n_tokens,
            "n_sequences": n_sequences,
            "n_documents": max(2, int(n_sequences / sequences_per_document)),
            "smoothing": smoothing,
            "failure_prob": failure_prob,
            "baseline": math.log2(vocab_size),
            "valid_for_all_n": False,
            "subject": "risk of the model",
            "failure_ledger": f"the risk, 1 of {len(GRID)} predeclared points 0.0056",
        }
        entry |= values
        entry["n_units"] = entry["n_documents"] if certificate else n_tokens
        entry["total"] = sum(entry[term] for term in terms if entry.get(term) is not None)
        rows.append(entry)

    for n_tokens in GRID:
        n_documents = max(2, int(math.ceil(n_tokens / 128) / sequences_per_document))

        def width(log_term: float, n: int = n_documents) -> float:
            return span * math.sqrt(log_term / (2 * n))

        ssd = k * math.log(math.e * dict_size / k)
        published = {
            "proxy_risk": risk + gap,
            "gap": gap,
            "complexity": 4 * ceiling * math.sqrt(ssd / n_tokens),
            "tail": ceiling
            * math.sqrt(math.log(math.pi**2 * k**2 / (6 * failure_prob)) / (2 * n_tokens)),
            "k": k,
            "proxy": "sae",
            "ssd_nats": ssd,
        }
        gap_tail = ceiling * math.sqrt(math.log(1 / failure_prob) / (2 * n_tokens))
        row("as_published", False, n_tokens, **published)
        row("as_published_with_gap_tail", False, n_tokens, **published, gap_tail=gap_tail)
        dudley = 24 * ceiling * math.sqrt((ssd + k * (math.log(3) + 1)) / n_tokens)
        row(
            "covering_dudley", False, n_tokens, **(published | {"complexity": dudley, "tail": None})
        )
        for method, factor in (("hoeffding", 1.0), ("maurer_pontil", 0.8), ("betting", 0.5)):
            row(
                "holdout",
                True,
                n_tokens,
                proxy_risk=risk,
                tail=factor * width(math.log(len(GRID) / failure_prob)),
                method=method,
                proxy="model",
            )
        for top in TOP_K:
            lost = gap + 4.0 * math.exp(-top / 30)
            row(
                "srm_topk_frontier",
                True,
                n_tokens,
                proxy_risk=risk + 0.8 * lost,
                gap=lost,
                tail=width(math.log(2 * len(TOP_K) / failure_prob)),
                gap_tail=width(math.log(2 * len(TOP_K) / failure_prob)),
                k=top,
                proxy=f"topk_{top}",
                method="hoeffding",
            )
    frontier = pd.DataFrame(rows).query("family == 'srm_topk_frontier'")
    best = frontier.loc[frontier.groupby("n_tokens")["total"].idxmin()].assign(family="srm_topk")
    rows.extend(best.to_dict("records"))
    n_tokens = GRID[-1]
    for size in POOLS:
        outside = math.exp(-size / 700)
        price = span * math.sqrt((size * math.log(math.e * dict_size / size) / 9 + 4) / 2000)
        common = {"proxy_risk": risk + 3 * outside, "pool_size": size, "proxy": f"pool_{size}"}
        row("pool_split", True, n_tokens, **common, gap=gap + outside, outside=outside, tail=1.2)
        row("occam_pool", True, n_tokens, **common, complexity=price, subject="risk of the proxy")
    for proxy, factor in (("sae", 1.0), ("random_decoder", 30.0), ("shuffled_features", 33.0)):
        row(
            "faithfulness",
            True,
            n_tokens,
            gap=gap * factor,
            gap_tail=0.1 + 0.1 * factor**0.5,
            baseline=None,
            proxy=proxy,
            subject="mean |loss of the model − loss of the proxy|",
            method="betting",
        )
    for i, (left, right) in enumerate(((0, 45), (45, 55), (55, 70), (70, 140))):
        row(
            "risk_by_sparsity",
            True,
            n_tokens,
            proxy_risk=risk - 0.4 + 0.3 * i,
            tail=1.1 + 0.2 * i,
            bin=i + 1,
            n_bins=4,
            bin_left=left,
            bin_right=right if i < 3 else None,
        )
    return pd.DataFrame(rows)


def surface_table(bounds: pd.DataFrame) -> pd.DataFrame:
    """surface.csv: the frontier's rows, the best of each N marked."""
    rows = bounds[bounds["family"] == "srm_topk_frontier"]
    columns = ["n_tokens", "k", "total", "baseline"]
    best = rows.groupby("n_tokens")["total"].transform("min") == rows["total"]
    return rows[columns].assign(is_best=best, k=rows["k"].astype(int))


def proxies_table(risk: float, gap: float) -> pd.DataFrame:
    """Losses per proxy and splice."""
    facts = [
        ("model", "no_bos", None, 0.0),
        ("sae", "no_bos", None, gap),
        ("sae", "all", None, 3.1),
    ]
    facts += [("random_decoder", "no_bos", None, 6.2), ("shuffled_features", "no_bos", None, 6.6)]
    facts += [(f"topk_{k}", "no_bos", k, gap + 4.0 * math.exp(-k / 30)) for k in TOP_K]
    return pd.DataFrame(
        [
            {
                "proxy": proxy,
                "splice": splice,
                "k": k,
                "n_sequences": 782,
                "n_documents": 312,
                "risk": risk + 0.9 * lost,
                "signed_gap": -0.9 * lost,
                "abs_gap": lost,
                "nll": risk - 0.4 + 1.1 * lost,
            }
            for proxy, splice, k, lost in facts
        ]
    )


def _counts(mean: float, spread: float, rng: np.random.Generator, size: int) -> np.ndarray:
    return np.maximum(1, rng.gamma((mean / spread) ** 2, spread**2 / mean, size)).astype(int)


def sparsity_tables(
    means: dict[str, float], rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Table 1 and the histogram behind Figure 2."""
    table, histogram = [], []
    for corpus, mean in means.items():
        size = 20_000 if corpus == "english" else 5_000
        plain = _counts(mean, 0.3 * mean, rng, size)
        with_bos = np.concatenate([plain, np.full(size // 127, 11 * int(mean))])
        for positions, values in (("all", with_bos), ("without_bos", plain)):
            quantiles = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95, 0.99]).round(1)
            names = ("q05", "q25", "q50", "q75", "q95", "q99")
            table.append(
                {
                    "corpus": corpus,
                    "positions": positions,
                    "n_tokens": len(values),
                    "mean": values.mean(),
                    "std": values.std(),
                    "min": values.min(),
                    "max": values.max(),
                    **dict(zip(names, quantiles, strict=True)),
                }
            )
            edges = np.arange(0, values.max() + 8, 4)
            histogram.append(
                pd.DataFrame(
                    {
                        "corpus": corpus,
                        "positions": positions,
                        "left": edges[:-1],
                        "right": edges[1:],
                        "count": np.histogram(values, edges)[0],
                    }
                )
            )
    return pd.DataFrame(table), pd.concat(histogram, ignore_index=True)


def uncertainty_tables(strength: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """AUROC per score, shift and level, and ROC curves."""
    power = {
        "n_active": 0.6,
        "unexplained_share": 0.9,
        "activation_norm": 0.3,
        "nll": 1.6,
        "entropy": 1.0,
        "one_minus_max_prob": 0.9,
        "energy": 1.1,
        "mahalanobis": 0.8,
        "relative_mahalanobis": 1.05,
        "knn_distance": 1.15,
        "unigram_nll": 1.3,
    }
    shifts = {"python": 0.6, "replaced": 0.4, "random": 1.8}
    power |= {f"{name}_two_sided": 0.8 * value for name, value in power.items()}
    levels = {
        "token": 0.6,
        "sequence_mean": 1.6,
        "sequence_median": 1.7,
        "sequence_max": 1.0,
        "chosen": 1.65,
    }
    rows, curves = [], []
    for score, score_power in power.items():
        for shift, distance in shifts.items():
            for level, gain in levels.items():
                z = strength * score_power * distance * gain
                auroc = 0.5 * (1 + math.erf(z / 2))
                rows.append(
                    {
                        "score": score,
                        "shift": shift,
                        "level": level,
                        "auroc": auroc,
                        "auroc_low": max(0.0, auroc - 0.02),
                        "auroc_high": min(1.0, auroc + 0.02),
                        "aupr": min(1.0, auroc + 0.01),
                        "fpr_at_95_tpr": 1 - auroc**2,
                        "n_id": 380,
                        "n_ood": 157,
                        "uses_labels": score.startswith("nll"),
                        "two_sided": score.endswith("_two_sided"),
                    }
                )
                false = np.linspace(0, 1, 30)
                curves.append(
                    pd.DataFrame(
                        {
                            "score": score,
                            "shift": shift,
                            "level": level,
                            "false_positive_rate": false,
                            "true_positive_rate": false ** max(1 / auroc - 1, 1e-3),
                        }
                    )
                )
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True)


def guardrail_facts(threshold: float) -> dict[str, Any]:
    """guardrail.json."""

    def rates(rate: float, n_documents: int = 60) -> Rates:
        return Rates(rate, max(0.0, rate - 0.03), min(1.0, rate + 0.04), 157, n_documents)

    def spread(mean: float) -> Spread:
        low, high = mean / 2, min(1.0, 1.5 * mean)
        return Spread(mean, 0.1 * mean, low, low, mean, high, high)

    fixed = []
    for corpus, role in CORPORA.items():
        share = 0.002 if role == "far" else 0.0
        for positions, extra in (("all", 1.0), ("without_bos", 0.0)):
            rate = min(1.0, extra + 20 * share)
            above = int(20_000 * share)
            fixed.append(
                FixedRuleRow(
                    corpus, role, positions, 20_000, above, above, share, 0.004, 157, rate, rate
                )
            )
    detection = {"python": 0.07, "replaced": 0.09, "random": 0.64}
    limits = tuple(
        Limit("sequence_median", n_tokens, scale * threshold, 1.2 * scale * threshold)
        for n_tokens, scale in ((16, 1.3), (127, 1.0))
    )
    record = Guardrail(
        alarm=Alarm(
            rule="alarm when the median of n_active is above its threshold", limits=limits,
            moving_length=16, sequences_per_document=4, false_alarm_rate=0.05, confidence=0.95,
            false_alarm_rate_given_calibration=0.08, guarantee="a promise",
            guarantee_with_confidence="a stronger promise", n_choice=52, n_calibration=104,
            rank=100, rank_with_confidence=103, groups={}, token_quantiles={"50": threshold},
        ),
        choice=Choice("a criterion", {"sequence_median": 0.1, "sequence_max": 1.2}),
        measured=Measured(
            rates(0.043, 156), {"1": rates(0.02, 100), "4": rates(0.1, 56)},
            {corpus: rates(rate) for corpus, rate in detection.items()},
        ),
        measured_with_confidence=Measured(
            rates(0.012, 156), {"1": rates(0.0, 100), "4": rates(0.03, 56)},
            {corpus: rates(rate / 2) for corpus, rate in detection.items()},
        ),
        measured_by_group={},
        stability=Stability(
            200, {"sequence_median": 190, "sequence_max": 10}, spread(0.048), spread(0.015),
            {corpus: spread(rate) for corpus, rate in detection.items()},
        ),
        fixed_rule=FixedRule("n_active > 500", 500, tuple(fixed)),
        provenance=None,
    )  # fmt: skip
    return {"schema": Guardrail.SCHEMA, **to_plain(record)}


def sequence_histogram(means: dict[str, float], rng: np.random.Generator) -> pd.DataFrame:
    """Distribution of the guardrail's statistic over sequences."""
    parts = []
    edges = np.arange(0, 401, 10)
    for corpus, mean in means.items():
        values = _counts(2.0 * mean, 0.3 * mean, rng, 400)
        parts.append(
            pd.DataFrame(
                {
                    "corpus": corpus,
                    "left": edges[:-1],
                    "right": edges[1:],
                    "count": np.histogram(values, edges)[0],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def rounding_table(means: dict[str, float]) -> pd.DataFrame:
    """rounding.csv: steady medians, and massive activations of random tokens that come and go."""
    both = ("float32", "bfloat16")
    return pd.DataFrame(
        [
            {
                "corpus": corpus, "run_dtype": "float32", "n_tokens": 2032, "n_sequences": 16,
                "threshold": 500, "equal": 0.4, "change_q50": 1, "change_q95": 3,
                "change_q99": 4, "change_max": 20 if corpus != "random" else 3407,
                "sequence_median_change": 0.6,
                "sequence_max_change": 1.5 if corpus != "random" else 515.6,
                **{f"mean_{d}": mean - i for i, d in enumerate(both)},
                **{f"median_{d}": 0.8 * mean for d in both},
                **{f"max_{d}": 5000 - i if corpus == "random" else 200 for i, d in enumerate(both)},
                **{f"above_{d}": 0.5 - i / 4 if corpus == "random" else 0.0
                   for i, d in enumerate(both)},
                **{f"massive_{d}": 8 - 4 * i if corpus == "random" else 0
                   for i, d in enumerate(both)},
            }
            for corpus, mean in means.items()
        ]
    )  # fmt: skip


def radii_table(k: float) -> pd.DataFrame:
    """radii.csv: one norm outlier, and position 0 beyond it."""
    places = {
        "all": (100_000, 50.0),
        "without_bos": (99_218, 20.0),
        "without_outliers": (99_217, 3),
    }
    return pd.DataFrame(
        [
            {
                "corpus": corpus,
                "quantity": quantity,
                "positions": positions,
                "n_tokens": n_tokens,
                **dict(zip(("q50", "q95", "q99"), (k, 1.5 * k, 2.0 * k), strict=True)),
                "max": largest * k,
            }
            for corpus in CORPORA
            for quantity in ("code_radius", "reconstruction_radius", "activation_radius")
            for positions, (n_tokens, largest) in places.items()
        ]
    )


def setup_facts(name: str, vocab_size: int, dict_size: int, d_model: int) -> dict[str, Any]:
    """setup.json."""
    return {
        "model": {
            "name": name,
            "architecture": "LlamaForCausalLM",
            "n_layers": 30,
            "d_model": d_model,
            "vocab_size": vocab_size,
            "bos_token_id": 0,
        },
        "sae": {
            "name": f"{name}_layer15",
            "architecture": "jumprelu",
            "dict_size": dict_size,
            "hook_name": "blocks.15.hook_resid_post",
        },
        "corpora": {
            corpus: {
                "role": role,
                "kind": "synthetic",
                "n_tokens": 100_000 if role == "id" else 20_000,
                "n_sequences": 782 if role == "id" else 157,
                "n_documents": 312 if role == "id" else 60,
                "dropped": {"too short": 41, "duplicates": 2},
            }
            for corpus, role in CORPORA.items()
        },
        "tokens": {"context": 128, "prepend_bos": True, "max_sequences_per_document": 4},
        "engine": {"splice": "no_bos", "compute_dtype": "float32", "device": "cpu"},
        "bound": {"smoothing": 0.5, "failure_prob": 0.05},
        "packages": {"torch": "2.13.0", "sae-lens": "6.54.12"},
        "seed": 0,
    }


PROBES = {
    "synthetic-a": {
        "vocab_size": 49_152,
        "dict_size": 4_608,
        "d_model": 576,
        "k": 58.0,
        "risk": 5.2,
        "gap": 0.21,
        "means": {"english": 58.0, "python": 63.0, "replaced": 61.0, "random": 85.0},
    },
    "synthetic-b": {
        "vocab_size": 262_144,
        "dict_size": 5_120,
        "d_model": 640,
        "k": 51.0,
        "risk": 6.0,
        "gap": 0.35,
        "means": {"english": 51.0, "python": 47.0, "replaced": 52.0, "random": 70.0},
    },
}


def k_and_loss_facts(k: float, risk: float) -> dict[str, Any]:
    """k_and_loss.json: the loss falls with k, the per-input reading rises."""

    def correlation(predictor: str, value: float, negative: float) -> dict[str, Any]:
        ends = {"low": value - 0.01, "high": value + 0.01}
        return {
            "predictor": predictor, "spearman": value, **ends, "negative_sequences": negative,
        }  # fmt: skip

    def entry(index: int) -> dict[str, Any]:
        nll = risk + 1 - 0.3 * index
        return {
            "least_k": 10 * index + 1,
            "largest_k": 10 * index + 10,
            "mean_k": k * (0.5 + 0.2 * index),
            "n_tokens": 9000,
            "nll": nll,
            "low": nll - 0.1,
            "high": nll + 0.1,
            "per_input": risk + 3 + 0.4 * index,
        }

    return {
        "schema": "k_and_loss/1",
        "n_tokens": 45_000,
        "n_sequences": 360,
        "n_documents": 200,
        "n_resamples": 300,
        "confidence": 0.95,
        "correlations": [correlation("n_active", -0.2, 0.97), correlation("entropy", 0.66, 0.0)],
        "bins": [entry(index) for index in range(5)],
    }


@functools.cache
def errors_result() -> ErrorsResult:
    """The study of errors on a synthetic ledger: the same for every probe."""
    spec = ErrorsSpec(n_resamples=20, k_bins=5, position_bins=2, frequency_bins=2)
    settings = Settings(
        fit_share=0.5, choice_share=0.3, false_alarm_rate=0.1, smoothing=0.5, seed=0
    )
    ledgers = {"english": make_ledger(90, 2, 12), "random": make_ledger(20, 1, 12, shift=20)}
    roles = {"english": "id", "random": "far"}
    return measure_errors(ledgers, roles, spec, settings, vocab_size=VOCAB_SIZE)


def write_probe(folder: Path, seed: int = 0, **facts: Any) -> Path:
    """Write one probe's results into `folder`; returns it."""
    folder.mkdir(parents=True)
    for name, content in _made(seed, json.dumps(facts)).items():
        (folder / name).write_bytes(content)
    setup = setup_facts(folder.name, facts["vocab_size"], facts["dict_size"], facts["d_model"])
    (folder / "setup.json").write_text(json.dumps(setup, indent=2), encoding="utf-8")
    return folder


@functools.cache
def _made(seed: int, facts: str) -> dict[str, bytes]:
    """The files of a probe but for its set-up, by name: many tests ask for the same ones."""
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), seed, **json.loads(facts))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _write(folder: Path, seed: int, **facts: Any) -> None:
    rng = np.random.default_rng(seed)
    sizes = {key: facts[key] for key in ("vocab_size", "dict_size")}
    bounds = bounds_table(**sizes, k=facts["k"], risk=facts["risk"], gap=facts["gap"])
    sparsity, histogram = sparsity_tables(facts["means"], rng)
    uncertainty, roc = uncertainty_tables(1.0 + 0.3 * seed)
    tables = {
        "bounds": bounds,
        "surface": surface_table(bounds),
        "proxies": proxies_table(facts["risk"], facts["gap"]),
        "sparsity": sparsity,
        "radii": radii_table(facts["k"]),
        "rounding": rounding_table(facts["means"]),
        "sparsity_histogram": histogram,
        "uncertainty": uncertainty,
        "roc": roc,
        "sequence_histogram": sequence_histogram(facts["means"], rng),
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    errors_result().write(folder)
    documents = {
        "bound": {
            "as_published_crossing_n_tokens": 15_187.25,
            "as_published_unigram_crossing_n_tokens": 62_046.0,
            "unigram_baseline": 11.6,
        },
        "guardrail": guardrail_facts(2.6 * facts["k"]),
        "k_and_loss": k_and_loss_facts(facts["k"], facts["risk"]),
    }
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document, indent=2), encoding="utf-8")


def write_results(results_dir: Path, probes: tuple[str, ...] = tuple(PROBES)) -> Path:
    """Write results of several synthetic probes; returns `results_dir`."""
    for seed, name in enumerate(probes):
        write_probe(results_dir / name, seed, **PROBES[name])
    return results_dir
