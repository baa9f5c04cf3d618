"""A whole training run: text → windows → activations → dictionary → measured SAE with its card."""

import platform
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from semdim.artifacts.hashing import settings_digest
from semdim.artifacts.shards import write_atomically, write_json
from semdim.forward.spec import EngineSpec
from semdim.forward.split import SplitModel
from semdim.models.facts import ModelFacts
from semdim.models.load import load_model
from semdim.reading import reading
from semdim.text.corpus import sample_corpus
from semdim.text.samples import DocumentRow, TokenSample
from semdim.text.training_text import write_training_text
from semdim.training.batches import ShuffledBatches
from semdim.training.card import write_card
from semdim.training.dictionary import new_dictionary
from semdim.training.finish import finished_sae
from semdim.training.params import TrainingSettings
from semdim.training.quality import measure_sae, silent_atoms
from semdim.training.saelens_evals import saelens_measures
from semdim.training.scaling import input_scaler, loss_sensitivity
from semdim.training.seen import training_text
from semdim.training.start import Prepared, Say, prepare
from semdim.training.trainer import DictionaryTrainer, trainer_config
from semdim.training.wandb_run import Tracker
from semdim.training.windows import Windows

MAX_SEQUENCES = 4  # of a document, in evaluation: as in the pipeline's default
SENSITIVITY_WINDOWS = 48


def train_sae(settings: TrainingSettings, root: Path, say: Say) -> dict[str, Any]:
    """Train, finish, measure and describe one SAE; returns what ``training.json`` holds.

    The SAE is written to ``models/sae/<name>``, everything else to ``outputs/training/<name>``.
    A killed run resumes from its shards and its last checkpoint.

    Raises:
        ConfigError, DataError, ArtifactError: see the modules that do the work.
    """
    device = EngineSpec(device=settings.device, n_threads=settings.n_threads).start()
    work, out = root / "outputs" / "training" / settings.name, root / "models/sae" / settings.name
    if settings.dictionary.has_constant_n_active:
        warnings.warn(
            "A TopK dictionary has the same number of active atoms at every token: bounds can be "
            "computed with it, but the uncertainty study will be empty.",
            stacklevel=2,
        )
    prepared = prepare(settings, root, device, say)
    trainer = new_trainer(settings, prepared, work, device)
    sae, record = fit_and_finish(settings, prepared, trainer, out, say)
    record["measures"], record["saelens"] = evaluate(settings, prepared, sae)
    write_json(work / "training.json", record)
    write_training_text(training_text(settings), out)
    write_atomically(out / "README.md", write_card(settings, prepared.facts, record))
    trainer.tracker.finish(record)
    return record


def fit_and_finish(
    settings: TrainingSettings, prepared: Prepared, trainer: DictionaryTrainer, out: Path, say: Say
) -> tuple[Any, dict[str, Any]]:
    """Train to the end and write the SAE to ``out``; returns it with what is to be said of the run.

    Needs the prefix of the model alone.
    """
    say(
        f"training {settings.dictionary.dict_size} atoms on {len(prepared.windows[0]):,} windows "
        f"× {settings.optimiser.n_epochs} epochs: {trainer.batches.n_steps:,} steps of "
        f"{trainer.cfg.train_batch_size_samples} tokens; checkpoints in {trainer.folder}"
    )
    trained = trainer.fit()
    record = {
        "n_tokens_seen": trainer.n_training_samples,
        "n_steps": trainer.n_training_steps,
        "seconds": round(trainer.elapsed(), 1),
        "machine": machine(str(trained.device)),
        "dead_in_training": int(trainer.dead_neurons.sum()),
        "n_windows": len(prepared.windows[0]),
        "n_documents": prepared.windows[0].n_documents,
        "n_documents_held_out": prepared.windows[1].n_documents,
        "n_calibration_tokens": prepared.calibration.n_rows,
    }
    sae = finished_sae(
        trained,
        out,
        held_out=prepared.calibration.everything(),
        n_active=settings.dictionary.n_active,
        constant_n_active=settings.dictionary.has_constant_n_active,
        metadata=metadata(settings, prepared.facts, record),
    )
    record["silent_share_held_out"] = silent_atoms(sae, prepared.held_out.everything())
    return sae, record


def machine(device: str) -> str:
    """What a dictionary was trained on."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    return f"{name}, {torch.get_num_threads()} threads, {platform.machine()}"


def new_trainer(
    settings: TrainingSettings, prepared: Prepared, work: Path, device: str
) -> DictionaryTrainer:
    """A trainer at its first step; ``fit`` resumes if there is a checkpoint."""
    data, optimiser = settings.data, settings.optimiser
    batches = ShuffledBatches(
        prepared.train,
        batch_size=optimiser.batch_tokens,
        buffer_shards=data.buffer_shards,
        n_epochs=optimiser.n_epochs,
        seed=settings.seed,
        device=device,
    )
    sae = new_dictionary(
        settings.dictionary,
        d_model=prepared.facts.d_model,
        metadata={},
        seed=settings.seed,
        device=device,
    )
    trainer = DictionaryTrainer(
        trainer_config(batches, settings.dictionary, optimiser, device),
        sae,
        batches,
        folder=work,
        fingerprint=settings_digest(
            [prepared.train.facts.fingerprint, settings.as_given["dictionary"],
             settings.as_given["optimiser"], data.buffer_shards, settings.seed]
        ),
        optimiser=optimiser,
        tracker=Tracker(
            settings.tracking, project="semdim", config=settings.as_given, folder=work
        ),
        scaler=input_scaler(
            settings.dictionary.input,
            prepared.train.shard(0),
            prepared.train.facts.mean_norm,
            sensitivity_of(prepared) if settings.dictionary.input == "sensitivity" else None,
        ),
    )  # fmt: skip
    if settings.dictionary.start_from is not None:
        trainer.warm_start(Path(settings.dictionary.start_from))
    return trainer


def sensitivity_of(prepared: Prepared) -> Tensor:
    """`loss_sensitivity` on the first training windows; kept beside their activations."""
    folder = prepared.train.folder
    path = None if folder is None else folder / "sensitivity.safetensors"
    if path is not None and path.exists():
        with reading(path, "the sensitivity of the loss", f"remove {path}"):
            return load_file(path)["sensitivity"]
    ids = torch.from_numpy(prepared.windows[0].token_ids[:SENSITIVITY_WINDOWS]).long()
    found = loss_sensitivity(prepared.split, ids)
    if path is not None:
        save_file({"sensitivity": found}, path)
    return found


def evaluate(
    settings: TrainingSettings, prepared: Prepared, sae: Any
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, float]]]:
    """Measure on the calibration text, and on every further corpus that the settings name, in
    float32: what this package measures, and what SAELens's own `run_evals` says of the first
    sequences. No certificate is computed on any of these texts (`semdim.training.apart`)."""
    facts = prepared.facts
    model = load_model(prepared.folder, device=str(prepared.split.device))
    split = SplitModel(model, settings.hook_name)
    samples = {
        "held out" if settings.calibration is None else "calibration": as_sample(
            prepared.calibration_windows, settings.data.measured_windows
        )
    }
    for name, spec in settings.evaluation.items():
        samples[name] = sample_corpus(
            spec,
            model.tokenizer,
            context=settings.data.context,
            bos_token_id=facts.bos_token_id if settings.data.prepend_bos else None,
            vocab_size=facts.vocab_size,
            max_sequences_per_document=MAX_SEQUENCES,
            seed=settings.data_seed,
            special_token_ids=facts.special_token_ids,
            frozen_at=settings.source.frozen_at,
        )
    ours, saelens = {}, {}
    for name, sample in samples.items():
        bos, ratio = facts.bos_token_id, settings.data.outlier_ratio
        ours[name] = measure_sae(
            sae, split, sample, bos_token_id=bos, outlier_ratio=ratio
        ).as_dict()
        if settings.data.saelens_sequences:
            head = torch.from_numpy(sample.token_ids[: settings.data.saelens_sequences]).long()
            saelens[name] = saelens_measures(
                sae, model, head.to(prepared.split.device), bos_token_id=bos
            )
    return ours, saelens


def as_sample(windows: Windows, most: int) -> TokenSample:
    """The first ``most`` windows as a sample that can be measured."""
    kept = windows.take(np.arange(min(len(windows), most)))
    numbers, document, counts = np.unique(kept.document, return_inverse=True, return_counts=True)
    rows = tuple(
        DocumentRow(index, str(number), 0, None, int(n))
        for index, (number, n) in enumerate(zip(numbers, counts, strict=True))
    )
    return TokenSample(kept.token_ids, document.astype(np.int32), rows, counts={})


def metadata(
    settings: TrainingSettings, facts: ModelFacts, record: dict[str, Any]
) -> dict[str, Any]:
    """What SAELens keeps in cfg.json about where the SAE belongs."""
    return {
        "model_name": facts.name,
        "hook_name": settings.hook_name,
        "hook_head_index": None,
        "context_size": settings.data.context,
        "prepend_bos": settings.data.prepend_bos,
        "model_from_pretrained_kwargs": {},
        "dataset": Path(settings.text.place).name,
        "n_tokens_seen": record["n_tokens_seen"],
        "mean_n_active": settings.dictionary.n_active,
        "l0": settings.dictionary.n_active,
        "excluded_from_training": "position 0 and positions beyond "
        f"{settings.data.outlier_ratio:g} median norms",
    }
