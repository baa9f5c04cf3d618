"""Why the sign of energy differs from model to model: its two parts.

    python -m semdim.uncertainty.energy_parts outputs/models/A outputs/models/B --write energy.csv

Energy is −ln Σ exp(logits). With l the largest logit and p the largest probability, ln p = l −
ln Σ exp(logits), so that

    energy = ln p − l

exactly. The first part is what the model predicts. The second is not: adding a number to all logits
of a position changes no probability and no loss, so nothing that a model is trained for fixes l.
Energy thresholds a level that each model is free to choose.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from semdim.artifacts.shards import Artifact, write_atomically
from semdim.results.cells import csv_text
from semdim.uncertainty.metrics import separation

PARTS = ("energy", "log_max_prob", "minus_largest_logit")
COLUMNS = (
    "model", "corpus", "n_sequences", *(f"{name}_mean" for name in PARTS),
    *(f"{name}_sd" for name in PARTS), *(f"{name}_auroc" for name in PARTS),
)  # fmt: skip


def parts_of(
    energy: Float[np.ndarray, "sequences positions"],
    max_prob: Float[np.ndarray, "sequences positions"],
) -> dict[str, Float[np.ndarray, " sequences"]]:
    """Means over each sequence of energy (nats) and of the two parts that add up to it (`PARTS`).

    Position 0 must be left out by the caller.
    """
    log_p = np.log(max_prob.astype(np.float64))
    values = {"energy": energy, "log_max_prob": log_p, "minus_largest_logit": energy - log_p}
    return {name: value.mean(axis=1, dtype=np.float64) for name, value in values.items()}


def energy_rows(
    model: str, corpora: Mapping[str, Mapping[str, Float[np.ndarray, " sequences"]]], sample: str
) -> list[dict[str, str | int | float]]:
    """A row per corpus (`COLUMNS`): mean and standard deviation over sequences, and the AUROC of
    each part against ``sample``, higher = more out of distribution (not for ``sample`` itself)."""
    rows = []
    for corpus, parts in corpora.items():
        row: dict[str, str | int | float] = {
            "model": model, "corpus": corpus, "n_sequences": len(parts["energy"])
        }  # fmt: skip
        for name, value in parts.items():
            row |= {f"{name}_mean": float(value.mean()), f"{name}_sd": float(value.std())}
            if corpus != sample:
                found = separation(corpora[sample][name], value)
                row[f"{name}_auroc"] = float(found.auroc)
        rows.append(row)
    return rows


def read_parts(losses: Path) -> dict[str, Float[np.ndarray, " sequences"]]:
    """`parts_of` a model's own losses on a corpus (``outputs/models/M/losses/C``).

    Raises:
        ArtifactError: there are none.
    """
    shards = [*Artifact.open(losses)]
    energy, max_prob = (
        np.concatenate([shard[name].numpy() for shard in shards])[:, 1:]
        for name in ("energy", "max_prob")
    )
    return parts_of(energy, max_prob)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m semdim.uncertainty.energy_parts")
    parser.add_argument("models", nargs="+", type=Path, metavar="outputs/models/NAME")
    parser.add_argument("--write", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--corpora", nargs="+", default=["english", "python", "random"])
    given = parser.parse_args()
    rows = []
    for folder in given.models:
        read = {corpus: read_parts(folder / "losses" / corpus) for corpus in given.corpora}
        rows += energy_rows(folder.name, read, given.corpora[0])
    table = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    write_atomically(given.write, csv_text(table, "%.6g"))
    print(f"wrote {given.write}")


if __name__ == "__main__":
    main()
