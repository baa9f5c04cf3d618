"""train_sae: text -> a sparse autoencoder in models/sae, measured, with its card.

    python -m stages.train_sae                     as training/params.yaml says
    python -m stages.train_sae --write OVERRIDES   write that file from conf/training
    python -m stages.train_sae --sweep 8 optimiser.learning_rate=0.0005,0.005
                                              short runs on 8 shards, one setting changed in each

It is no part of `dvc repro`; its pipeline is training/dvc.yaml.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from semdim.artifacts.shards import write_atomically
from semdim.errors import SemdimError
from semdim.quoting import escape_what_a_console_lacks
from semdim.training.params import TrainingSettings, compose_training, read_training_settings
from stages import ROOT, imported
from stages.support.interrupts import end_at_signals
from stages.support.run import say

PARAMS = Path("training/params.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m stages.train_sae",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--write", action="store_true", help=f"write {PARAMS} from conf/training")
    parser.add_argument(
        "--sweep", type=int, metavar="SHARDS", help="run short trainings on this many shards"
    )
    parser.add_argument(
        "overrides", nargs="*", help="Hydra overrides (with --write) or variations (with --sweep)"
    )
    arguments = parser.parse_args()
    try:
        if arguments.write:
            write_atomically(PARAMS, compose_training(ROOT / "conf", arguments.overrides))
            return say(f"wrote {PARAMS}")
        params = OmegaConf.to_container(OmegaConf.load(PARAMS))
        settings = read_training_settings(params)  # type: ignore[arg-type]
        if arguments.sweep is not None:
            return run_sweep(settings, arguments.overrides, arguments.sweep)
        from semdim.training.run import train_sae  # torch: only when it is needed

        train_sae(settings, Path("."), say)
    except SemdimError as error:
        sys.exit(f"error: {error}")


def run_sweep(settings: TrainingSettings, variations: list[str], n_shards: int) -> None:
    """Short runs; their table goes to outputs/training/<name>/sweep.csv, row after row."""
    import pandas as pd

    from semdim.results.cells import csv_text
    from semdim.training.sweep import parse_variations, sweep

    out = Path("outputs/training") / settings.name / "sweep.csv"
    out.parent.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for row in sweep(settings, parse_variations(variations), n_shards, Path("."), say):
        rows.append(row)
        write_atomically(out, csv_text(pd.DataFrame(rows), "%.4f"))
        say(", ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    imported()
    end_at_signals()
    escape_what_a_console_lacks()
    main()
