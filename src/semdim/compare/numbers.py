"""The numbers of two runs, side by side: bounds, gaps, k, and k as a warning sign."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from semdim.compare.side import Pair
from semdim.plots.families import curves, main_rows
from semdim.plots.selections.proxy_rows import ablation_rows
from semdim.plots.selections.score_rows import levels
from semdim.plots.selections.sparsity_rows import sparsity_rows
from semdim.results.read import ProbeResults

BITS, TOKENS, ATOMS, NATS, AUROC = "bits", "tokens", "atoms", "nats", "AUROC"
K_COLUMNS = {
    "mean": "mean",
    "q05": "5 % quantile",
    "q25": "25 % quantile",
    "q50": "median",
    "q75": "75 % quantile",
    "q95": "95 % quantile",
    "q99": "99 % quantile",
    "max": "largest",
}


HEADLINE = (
    ("as_published_crossing_n_tokens", "N, as published meets log₂V", TOKENS),
    ("mean_n_active", "k of the published bound", ATOMS),
    ("sparse_semantic_dimension", "k·ln(em/k), nats", NATS),
    ("srm_topk_k", "k* of hard top-k codes", ATOMS),
)
"""Of bound.json, at the largest N of a side."""


@dataclass(frozen=True)
class Value:
    """A number, with its interval where one was measured."""

    value: float
    unit: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    group: str
    quantity: str
    unit: str
    a: Value | None
    """None: this side does not have it."""
    b: Value | None

    @property
    def difference(self) -> float | None:
        """B − A; None when a side does not have it."""
        return None if self.a is None or self.b is None else self.b.value - self.a.value


def common_size(pair: Pair) -> int | None:
    """The largest N (tokens) at which both have bounds; None when there is none."""
    a, b = ({int(n) for n in main_rows(probe)["n_tokens_asked"]} for probe in (pair.a, pair.b))
    return max(a & b, default=None)


def compared(pair: Pair) -> list[Row]:
    """Every number of both, those of one side alone among them.

    Bounds are taken at `common_size`, or at each side's own largest N when there is none: a bound
    falls with N, so that at two different N nothing could be said.
    """
    size = common_size(pair)
    a, b = (dict(_quantities(probe, size)) for probe in (pair.a, pair.b))
    groups = dict.fromkeys(group for group, _ in (*a, *b))
    return [
        Row(group, quantity, (a.get(key) or b[key]).unit, a.get(key), b.get(key))
        for group in sorted(groups, key=_place)
        for key in dict.fromkeys((*a, *b))
        for quantity in [key[1]]
        if key[0] == group
    ]


SAMPLE, CERTIFIED, UNPROVEN, GAPS, K, SIGN = (
    "sample",
    "certificates, bits",
    "bounds that are no certificates, bits",
    "mean |gap| of a proxy over sequences, bits",
    "atoms at a token (k), position 0 left out",
    "k as a warning sign, AUROC ± half of its interval",
)
GROUPS = (SAMPLE, CERTIFIED, UNPROVEN, GAPS, K, SIGN)
AT_ONE_SIZE = (CERTIFIED, UNPROVEN)
"""Groups whose numbers belong to one N."""


def _place(group: str) -> int:
    return GROUPS.index(group)


def _quantities(probe: ProbeResults, size: int | None) -> Iterator[tuple[tuple[str, str], Value]]:
    yield from _sample(probe)
    yield from _bounds(probe, size)
    for words, gap in mean_gaps(probe).items():
        yield (GAPS, words), Value(gap, BITS)
    for corpus, row in sparsity_rows(probe).iterrows():
        for column, words in K_COLUMNS.items():
            if pd.notna(row[column]):
                yield (K, f"{corpus}: {words}"), Value(float(row[column]), ATOMS)
    yield from _warning_sign(probe)


def mean_gaps(probe: ProbeResults) -> dict[str, float]:
    """Mean |loss gap| of every proxy in bits, by the proxy in words.

    A proxy that was run on a part of the sample says so in its words: the mean of another part is
    another quantity.
    """
    rows = ablation_rows(probe)
    whole = rows["n_sequences"].max()
    gaps = {}
    for _, row in rows[rows["proxy"] != "model"].iterrows():
        part = row["n_sequences"] < whole
        words = f"{row['words']} ({row['n_sequences']:,.0f} seq.)" if part else str(row["words"])
        gaps[words] = float(row["abs_gap"])
    return gaps


def _sample(probe: ProbeResults) -> Iterator[tuple[tuple[str, str], Value]]:
    if probe.baseline is not None:
        yield (SAMPLE, "log₂V, a random guess, bits"), Value(probe.baseline, BITS)
    rows = main_rows(probe)
    if len(rows):
        yield (
            (SAMPLE, "N, largest of the bounds"),
            Value(float(rows["n_tokens_asked"].max()), TOKENS),
        )
    for name, words, unit in HEADLINE:
        value = probe.headline.get(name)
        if value is not None:
            yield (SAMPLE, words), Value(float(value), unit)


def _bounds(probe: ProbeResults, size: int | None) -> Iterator[tuple[tuple[str, str], Value]]:
    for curve in curves(probe):
        points = curve.points
        points = points if size is None else points[points["n_tokens_asked"] == size]
        if len(points):
            group = CERTIFIED if curve.is_certificate else UNPROVEN
            name = curve.label.replace("holdout on the model itself", "holdout")
            yield (group, name), Value(float(points["total"].iloc[-1]), BITS)
    rows = main_rows(probe)
    rows = rows[(rows["family"] == "faithfulness") & (rows["proxy"] == "sae")]
    rows = rows if size is None else rows[rows["n_tokens_asked"] == size]
    if len(rows):
        last = rows.sort_values("n_tokens_asked").iloc[-1]
        group = CERTIFIED if last["is_certificate"] else UNPROVEN
        yield (group, "change of a text's mean loss by the SAE"), Value(float(last["total"]), BITS)


def _warning_sign(probe: ProbeResults) -> Iterator[tuple[tuple[str, str], Value]]:
    table = probe.table("uncertainty")
    table = table[table["score"] == "n_active"]
    for level, words in levels().items():
        for _, row in table[table["level"] == level].iterrows():
            low, high = (float(row[name]) for name in ("auroc_low", "auroc_high"))
            yield (
                (SIGN, f"{row['shift']}, {words}"),
                Value(
                    float(row["auroc"]),
                    AUROC,
                    None if math.isnan(low) else low,
                    None if math.isnan(high) else high,
                ),
            )
