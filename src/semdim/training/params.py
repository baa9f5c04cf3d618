"""All settings of a training run, read from ``training/params.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semdim.errors import ConfigError
from semdim.fields import SEED, names, read, setting
from semdim.forward.spec import DEVICES
from semdim.models.spec import ModelSource
from semdim.text.spec import CorpusSpec
from semdim.tracking import TrackingSpec
from semdim.training.spec import DataSpec, DictionarySpec, OptimiserSpec


@dataclass(frozen=True)
class TrainingSettings:
    """One dictionary for one model."""

    name: str
    """The folder in models/sae that is written."""
    model: str
    """The model's name, a folder in outputs/models."""
    source: ModelSource
    hook_name: str
    text: CorpusSpec
    """The training text; its n_tokens is not used (data.n_tokens is)."""
    calibration: CorpusSpec | None
    """Text that the threshold is set on, where the SAE is to be used on another register than it
    was trained on; None: the documents held out of the training text."""
    evaluation: dict[str, CorpusSpec]
    """Texts that the finished SAE is measured on beside the calibration text."""
    certificate: dict[str, CorpusSpec]
    """Texts that certificates are computed on: no document of them is in any of the others."""
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

    @property
    def data_seed(self) -> int:
        """The seed of the windows."""
        return self.seed if self.data.seed is None else self.data.seed


@dataclass(frozen=True)
class _Engine:
    """The ``engine`` section."""

    device: str = setting("auto", choices=DEVICES)
    n_threads: int | None = setting(None, at_least=1, at_most=10_000)


@dataclass(frozen=True, kw_only=True)
class _File:
    """``training/params.yaml`` as it is written."""

    name: str = setting(not_empty=True)
    models: dict[str, ModelSource]
    hook_name: str = setting(not_empty=True)
    text: CorpusSpec
    calibration: CorpusSpec | None
    corpora: dict[str, CorpusSpec] = field(default_factory=dict)
    certificate: dict[str, CorpusSpec] = field(default_factory=dict)
    data: DataSpec
    dictionary: DictionarySpec
    optimiser: OptimiserSpec
    tracking: TrackingSpec
    engine: _Engine
    seed: int = setting(**SEED)


KEYS = names(_File)


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
    text = params["text"]
    if isinstance(text, Mapping) and "path" in text and text["path"] in (None, "???"):
        raise ConfigError(
            "text.path is not set: give the text to train on, for instance `python -m "
            "stages.train_sae --write text.path=../corpus/english.parquet` (text.kind and "
            "text.text_column describe it)."
        )
    file = read(_File, params, "")
    if len(file.models) != 1:
        raise ConfigError(
            f"models holds {', '.join(file.models) or 'nothing'}: a dictionary is trained on "
            "exactly one model."
        )
    ((model, source),) = file.models.items()
    return TrainingSettings(
        name=file.name,
        model=model,
        source=source,
        hook_name=file.hook_name,
        text=file.text,
        calibration=file.calibration,
        evaluation=file.corpora,
        certificate=file.certificate,
        data=file.data,
        dictionary=file.dictionary,
        optimiser=file.optimiser,
        tracking=file.tracking.mode,
        device=file.engine.device,
        n_threads=file.engine.n_threads,
        seed=file.seed,
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
