"""All settings of a training run, read from ``training/params.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semdim.errors import ConfigError
from semdim.models.spec import ModelSource
from semdim.text.spec import CorpusSpec
from semdim.training.spec import DataSpec, DictionarySpec, OptimiserSpec, section

KEYS = (
    "name", "models", "hook_name", "text", "calibration", "corpora", "data", "dictionary",
    "optimiser", "tracking", "engine", "seed",
)  # fmt: skip


@dataclass(frozen=True)
class TrainingSettings:
    """One dictionary for one model."""

    name: str
    """The folder in models/sae that is written."""
    model: str
    """The model's name, a folder in outputs/."""
    source: ModelSource
    hook_name: str
    text: CorpusSpec
    """The training text; its n_tokens is not used (data.n_tokens is)."""
    calibration: CorpusSpec | None
    """Text that the threshold is set on, where the SAE is to be used on another register than it
    was trained on; None: the documents held out of the training text."""
    evaluation: dict[str, CorpusSpec]
    """Texts that the finished SAE is measured on."""
    data: DataSpec
    dictionary: DictionarySpec
    optimiser: OptimiserSpec
    tracking: str
    """offline, online or disabled."""
    device: str
    n_threads: int | None
    seed: int
    as_given: dict[str, Any]
    """The same as plain values, for fingerprints, cards and trackers."""


def read_training_settings(params: Mapping[str, Any]) -> TrainingSettings:
    """Check a composed configuration.

    Raises:
        ConfigError: a setting is missing, unknown or out of range; the message names it.
    """
    unknown, missing = sorted(set(params) - set(KEYS)), sorted(set(KEYS) - set(params))
    if unknown or missing:
        raise ConfigError(
            "training/params.yaml "
            + (f"has no use for {', '.join(unknown)}" if unknown else f"lacks {', '.join(missing)}")
            + "; write it again with `python -m stages.train_sae --write`."
        )
    text = dict(params["text"])
    if "path" in text and text["path"] in (None, "???"):
        raise ConfigError(
            "text.path is not set: say which text to train on, for instance "
            "`python -m stages.train_sae --write text.path=../corpus/english.parquet` "
            "(text.kind and text.text_column say what it is)."
        )
    if len(params["models"]) != 1:
        raise ConfigError(
            f"models holds {', '.join(params['models']) or 'nothing'}: a dictionary is trained on "
            "exactly one model."
        )
    (model, entry), *_ = params["models"].items()
    return TrainingSettings(
        name=str(params["name"]),
        model=model,
        source=ModelSource.from_mapping(entry["source"]),
        hook_name=str(params["hook_name"]),
        text=CorpusSpec.from_mapping(text, "text"),
        calibration=None
        if params["calibration"] is None
        else CorpusSpec.from_mapping(params["calibration"], "calibration"),
        evaluation={
            name: CorpusSpec.from_mapping(spec, f"corpora.{name}")
            for name, spec in (params["corpora"] or {}).items()
        },
        data=section(DataSpec, params["data"], "data"),
        dictionary=section(DictionarySpec, params["dictionary"], "dictionary"),
        optimiser=section(OptimiserSpec, params["optimiser"], "optimiser"),
        tracking=str(params["tracking"]["mode"]),
        device=str(params["engine"].get("device", "auto")),
        n_threads=params["engine"].get("n_threads"),
        seed=int(params["seed"]),
        as_given={key: params[key] for key in KEYS if key != "engine"},
    )


def compose_training(conf: Path, overrides: list[str]) -> str:
    """The text of ``training/params.yaml`` as conf/training has it.

    Raises:
        ConfigError: an unknown group, choice or setting.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        with initialize_config_dir(str(conf.resolve()), version_base=None):
            config = compose("training/config", overrides=overrides)
        return OmegaConf.to_yaml(config, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"conf/training cannot be composed: {error}") from error
