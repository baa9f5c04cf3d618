"""Energy's two parts on two models, for docs/ood.md."""

from collections.abc import Hashable
from typing import Any

import pandas as pd

from semdim.errors import ArtifactError
from semdim.results.pages import Repository, part, table
from semdim.results.parts.ood import CORPORA

FILE = "docs/energy.csv"


@part("energy_parts")
def energy_parts(repository: Repository) -> str:
    """Mean over sequences of energy and its parts, with the AUROC of each against English."""
    path = repository.root / FILE
    if not path.exists():
        raise ArtifactError(f"There is no {path}; semdim.uncertainty.energy_parts writes it.")
    rows = []
    for row in pd.read_csv(path).to_dict("records"):
        rows.append(
            [
                str(row["model"]),
                CORPORA.get(str(row["corpus"]), str(row["corpus"])),
                *(_cell(row, name) for name in ("energy", "log_max_prob", "minus_largest_logit")),
            ]
        )
    return table(["model", "text", "energy", "= ln(largest probability)", "− largest logit"], rows)


def _cell(row: dict[Hashable, Any], name: str) -> str:
    auroc = row[f"{name}_auroc"]
    mean = f"{row[f'{name}_mean']:.2f}".replace("-", "−")
    return mean if pd.isna(auroc) else f"{mean} (AUROC {auroc:.3f})"
