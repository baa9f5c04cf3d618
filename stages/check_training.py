"""check_training: are the settings of a training run possible, and what is at its sources?

    python -m stages.check_training      write outputs/training/inputs.json, a dep of train_sae

An edited text, another version of a package, other weights of the model change that file, and so
make `dvc repro training/dvc.yaml` train again.
"""

import sys
from typing import Any

from omegaconf import OmegaConf

from semdim.artifacts.shards import write_json
from semdim.errors import SemdimError
from semdim.models.source import model_digest
from semdim.paths import Paths
from semdim.quoting import escape_what_a_console_lacks
from semdim.text.source import source_digest
from semdim.training.params import TrainingSettings, read_training_settings
from stages import imported
from stages.support.interrupts import end_at_signals
from stages.support.run import say
from stages.train_sae import PARAMS


def main() -> None:
    try:
        settings = read_training_settings(OmegaConf.to_container(OmegaConf.load(PARAMS)))  # type: ignore[arg-type]
        out = Paths().outputs / "training" / "inputs.json"
        write_json(out, inputs_of(settings))
        say(f"{PARAMS} is possible; its sources -> {out}")
    except SemdimError as error:
        sys.exit(f"error: {error}")


def inputs_of(settings: TrainingSettings) -> dict[str, Any]:
    """The settings of each source, and what tells its content.

    Raises:
        DataError, ConfigError: a file, folder or package is not there.
    """
    given = settings.as_given
    found = {
        "model": (given["models"][settings.model], model_digest(settings.source)),
        "text": (given["text"], source_digest(settings.text)),
    }
    if settings.calibration is not None:
        found["calibration"] = (given["calibration"], source_digest(settings.calibration))
    for name, spec in settings.evaluation.items():
        found[f"corpora.{name}"] = (given["corpora"][name], source_digest(spec))
    for name, spec in settings.certificate.items():
        found[f"certificate.{name}"] = (given["certificate"][name], source_digest(spec))
    return {name: {"settings": entry, "found": digest} for name, (entry, digest) in found.items()}


if __name__ == "__main__":
    imported()
    end_at_signals()
    escape_what_a_console_lacks()
    main()
