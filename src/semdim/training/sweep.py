"""Short training runs that differ in one setting: what matters, before a long run is started."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from sae_lens import SAE

from semdim.codes.sparse import from_dense, is_active
from semdim.errors import ConfigError
from semdim.fields import read
from semdim.forward.spec import EngineSpec
from semdim.quoting import one_line
from semdim.text.samples import TokenSample
from semdim.training.finish import finished_sae
from semdim.training.params import TrainingSettings
from semdim.training.quality import explained_variance, measure_sae
from semdim.training.run import new_trainer
from semdim.training.spec import DictionarySpec, OptimiserSpec
from semdim.training.start import Prepared, Say, prepare

SECTIONS: dict[str, Any] = {"dictionary": DictionarySpec, "optimiser": OptimiserSpec}
ROWS = 2048
GAP_WINDOWS = 64

Variation = tuple[str, Any]
"""A setting such as ``optimiser.learning_rate`` and its value."""


def parse_variations(texts: Sequence[str]) -> list[Variation]:
    """``optimiser.learning_rate=0.001,0.003`` → two variations.

    Raises:
        ConfigError: not a setting of the dictionary or the optimiser.
    """
    variations = []
    for text in texts:
        name, _, values = text.partition("=")
        group, _, key = name.partition(".")
        known = [field.name for field in dataclasses.fields(SECTIONS.get(group, DictionarySpec))]
        if group not in SECTIONS or key not in known or not values:
            raise ConfigError(
                f"{text!r} is not a variation: write dictionary.KEY=VALUE,VALUE or "
                f"optimiser.KEY=VALUE,VALUE, with KEY one of {', '.join(known)}."
            )
        variations += [(name, _value(value)) for value in values.split(",")]
    return variations


def _value(text: str) -> Any:
    import yaml

    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{text!r} is not a value for a setting: {one_line(str(error))}."
        ) from error
    if isinstance(value, str):  # YAML takes 3e-3 for a word
        with contextlib.suppress(ValueError):
            return float(value)
    return value


def varied(settings: TrainingSettings, variation: Variation) -> TrainingSettings:
    """The settings with one value changed; ConfigError when the value is not possible."""
    (group, key), value = variation[0].split("."), variation[1]
    values = {**dataclasses.asdict(getattr(settings, group)), key: value}
    as_given = {**settings.as_given, group: values}
    changed = {group: read(SECTIONS[group], values, group), "as_given": as_given}
    return dataclasses.replace(settings, **changed)


def sweep(
    settings: TrainingSettings, variations: Sequence[Variation], n_shards: int, root: Path, say: Say
) -> Iterator[dict[str, Any]]:
    """One short run for the settings as they are and one for each variation, on the first
    ``n_shards`` shards of activations, one epoch; a row for each (see `run_once`).

    Raises:
        ConfigError: the corpus has fewer shards.
    """
    device = EngineSpec(device=settings.device, n_threads=settings.n_threads).start()
    prepared = prepare(settings, root, device, say)
    if prepared.train.n_shards < n_shards:
        raise ConfigError(
            f"A sweep over {n_shards} shards was asked for, but the windows fill only "
            f"{prepared.train.n_shards}: ask for fewer, or give more text."
        )
    prepared = dataclasses.replace(prepared, train=prepared.train.head(n_shards))
    short = dataclasses.replace(
        settings,
        tracking="disabled",
        optimiser=dataclasses.replace(settings.optimiser, n_epochs=1, max_minutes=None),
    )
    for name, value in [("as configured", ""), *variations]:
        changed = short if name == "as configured" else varied(short, (name, value))
        yield {"setting": name, "value": value, **run_once(changed, prepared, device)}


def run_once(settings: TrainingSettings, prepared: Prepared, device: str) -> Mapping[str, Any]:
    """Train once; measure on the held-out documents, the threshold set as for a finished SAE.

    ``explained_variance``: norm outliers left out. ``n_active``: mean at a token. ``dead_share``:
    atoms that fire nowhere on the held-out documents. ``abs_gap``: mean |loss gap| in bits on the
    first windows of these, in the prefix's dtype. ``minutes`` of training.
    """
    with tempfile.TemporaryDirectory() as folder:
        trainer = new_trainer(settings, prepared, Path(folder) / "run", device)
        trained = trainer.fit()
        minutes = trainer.elapsed() / 60
        sae = finished_sae(
            trained,
            Path(folder) / "sae",
            held_out=prepared.calibration.everything(),
            n_active=settings.dictionary.n_active,
            constant_n_active=settings.dictionary.has_constant_n_active,
            metadata={},
        )
    return {
        "steps": trainer.n_training_steps,
        "minutes": round(minutes, 1),
        **held_out_measures(sae, prepared.held_out.everything()),
        "abs_gap": held_out_gap(sae, prepared),
    }


def held_out_gap(sae: SAE[Any], prepared: Prepared) -> float:
    """Mean absolute loss gap of the first held-out windows, bits per token."""
    held_out = prepared.windows[1]
    sample = TokenSample(
        held_out.token_ids[:GAP_WINDOWS], held_out.document[:GAP_WINDOWS], documents=(), counts={}
    )
    bos = prepared.facts.bos_token_id
    return measure_sae(sae, prepared.split, sample, bos_token_id=bos).abs_gap


@torch.no_grad()
def held_out_measures(sae: SAE[Any], activations: torch.Tensor) -> dict[str, float]:
    """Explained variance, mean n_active and the share of silent atoms on activations [n, d]."""
    fired = torch.zeros(sae.cfg.d_sae, dtype=torch.bool, device=sae.device)
    errors, counts = [], []
    for rows in activations.split(ROWS):
        rows = rows.to(sae.device).float()
        codes = sae.encode(rows)
        errors.append((rows - sae.decode(codes)).double().pow(2).sum(dim=1).cpu())
        counts.append(from_dense(codes).n_active.cpu())
        fired |= is_active(codes).any(dim=0)
    every = torch.ones(len(activations), dtype=torch.bool)
    return {
        "explained_variance": explained_variance(activations.float(), torch.cat(errors), every),
        "n_active": float(torch.cat(counts).double().mean()),
        "dead_share": float((~fired).double().mean()),
    }
