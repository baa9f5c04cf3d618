"""train_sae: text -> a sparse autoencoder in models/sae, measured, with its card.

    python -m stages.train_sae                     as training/params.yaml says
    python -m stages.train_sae --write OVERRIDES   write that file from conf/training

It is no part of `dvc repro`; its pipeline is training/dvc.yaml.
"""

import argparse
import sys
from pathlib import Path

from omegaconf import OmegaConf

from semdim.artifacts.shards import write_atomically
from semdim.errors import SemdimError
from semdim.training.settings import compose_training, read_training_settings
from stages.common import ROOT, say

PARAMS = Path("training/params.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.train_sae", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PARAMS} from conf/training")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides, with --write")
    arguments = parser.parse_args()
    try:
        if arguments.write:
            write_atomically(PARAMS, compose_training(ROOT / "conf", arguments.overrides))
            return say(f"wrote {PARAMS}")
        from semdim.training.run import train_sae  # torch: only when it is needed

        params = OmegaConf.to_container(OmegaConf.load(PARAMS))
        train_sae(read_training_settings(params), Path("."), say)  # type: ignore[arg-type]
    except SemdimError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
