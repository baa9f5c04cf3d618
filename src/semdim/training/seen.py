"""What an autoencoder was trained on goes with it, as hashes (`semdim.text.training_text`).

    python -m semdim.training.seen --write text.path=../corpus/english.parquet training/run=NAME

writes the file of ``models/sae/NAME`` where an earlier version trained it; `stages.train_sae` does
so for every new one.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from semdim.errors import SemdimError
from semdim.text.filters import load_documents
from semdim.text.spec import TextSpec
from semdim.text.training_text import TrainingText, training_text_of, write_training_text
from semdim.training.params import TrainingSettings


def training_text(settings: TrainingSettings) -> TrainingText:
    """Every document that the training or the threshold could draw on.

    Raises:
        DataError: a text cannot be read.
    """
    return training_text_of(_texts(settings))


def _texts(settings: TrainingSettings) -> Iterator[str]:
    for spec in (settings.text, settings.calibration):
        if isinstance(spec, TextSpec):
            for document in load_documents(spec):
                yield document.text


def main() -> None:
    """Compose the settings of a training run, read its texts, write the file."""
    from omegaconf import OmegaConf

    from semdim.training.params import compose_training, read_training_settings

    parser = argparse.ArgumentParser(
        prog="python -m semdim.training.seen",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--write", nargs="+", required=True, metavar="OVERRIDE")
    try:
        composed = compose_training(Path("conf"), parser.parse_args().write)
        settings = read_training_settings(
            OmegaConf.to_container(OmegaConf.create(composed))  # type: ignore[arg-type]
        )
        folder = Path("models/sae") / settings.name
        found = training_text(settings)
        path = write_training_text(found, folder)
        print(f"{found.n_documents:,} documents, {len(found.hashes):,} hashes -> {path}")
    except SemdimError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
