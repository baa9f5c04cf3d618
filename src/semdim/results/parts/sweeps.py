"""The tiny model's tables in docs/sweeps.md and docs/experiments.md."""

import csv

from semdim.errors import ArtifactError
from semdim.results.pages import Repository, part, table

TOTALS = ("as_published_total", "srm_topk_total", "holdout_betting_total")
METRICS = {
    "as_published": "as_published_total",
    "faithfulness": "faithfulness_sae_total",
    "holdout": "holdout_betting_total",
    "srm_topk": "srm_topk_total",
}
"""Columns of metrics.json by name, with those of points.csv that they are."""


def points(repository: Repository, name: str) -> list[dict[str, str]]:
    """The rows of a committed points.csv.

    Raises:
        ArtifactError: it is missing.
    """
    path = repository.root / "docs" / name
    if not path.exists():
        raise ArtifactError(f"There is no {path}; the page that needs it says what writes it.")
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@part("sweep")
def sweep(repository: Repository) -> str:
    """A sweep over N and k: certificates do not know k."""
    header = ["bound.n_tokens", "bound.k", *TOTALS]
    rows = [
        [row["bound.n_tokens"].strip("[]"), row["bound.k"],
         *(f"{float(row[name]):.3f}" for name in TOTALS)]
        for row in points(repository, "sweeps.csv")
    ]  # fmt: skip
    return table(header, rows)


def _point(repository: Repository, failure_prob: str, k: str) -> dict[str, float]:
    (found,) = (
        row
        for row in points(repository, "experiments.csv")
        if row["bound.failure_prob"] == failure_prob and row["bound.k"] in (k, k or "None")
    )
    return {name: float(found[column]) for name, column in METRICS.items()}


@part("experiments")
def experiments(repository: Repository) -> str:
    """What `dvc exp show` gives for the four runs of the page."""
    runs = {"tiny-run": ("0.05", ""), "k = 8": ("0.05", "8"), "k = 4": ("0.05", "4"),
            "stricter": ("0.01", "")}  # fmt: skip
    rows = []
    for name, (failure_prob, k) in runs.items():
        numbers = _point(repository, failure_prob, k)
        cells = [f"{value:.5g}" for value in numbers.values()]
        rows.append([name, *cells, failure_prob, k or "-"])
    return table(["Experiment", *METRICS, "bound.failure_prob", "bound.k"], rows)


@part("experiments_diff")
def experiments_diff(repository: Repository) -> str:
    """What `dvc exp diff` gives for two of them."""
    before, after = (_point(repository, failure_prob, "") for failure_prob in ("0.05", "0.01"))
    return table(
        ["Metric", "tiny-run", "stricter", "Change"],
        [
            [name, f"{before[name]:.5g}", f"{after[name]:.5g}", f"{after[name] - before[name]:.5g}"]
            for name in METRICS
        ],
    )
