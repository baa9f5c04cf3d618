"""From settings to what training starts from: the model, the windows, the stores of activations."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from semdim.artifacts.hashing import settings_digest
from semdim.forward.hook_points import start_layer
from semdim.forward.split import SplitModel
from semdim.models.export import export_model
from semdim.models.facts import ModelFacts
from semdim.models.load import load_model
from semdim.models.tokenizer import load_tokenizer
from semdim.paths import Paths
from semdim.text.corpus import sample_corpus
from semdim.text.filters import load_documents
from semdim.text.spec import CorpusSpec
from semdim.training.apart import check_apart
from semdim.training.params import TrainingSettings
from semdim.training.store import ShardStore
from semdim.training.windows import Windows, cut_windows

Say = Callable[[str], None]
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float16": torch.float16}


@dataclass(frozen=True)
class Prepared:
    """What training starts from."""

    facts: ModelFacts
    split: SplitModel
    train: ShardStore
    held_out: ShardStore
    calibration: ShardStore
    """The held-out store, unless the settings name another text."""
    windows: tuple[Windows, Windows]
    """Training and held out."""
    calibration_windows: Windows
    """Those that the threshold is set on and the SAE is measured on."""
    folder: Path
    """The exported model."""


def prepare(settings: TrainingSettings, root: Path, device: str, say: Say) -> Prepared:
    """Model, windows and stores of activations (nothing is computed but the first shard).

    Raises:
        DataError: a document of the certificate's text is among those of training.
    """
    texts = {"text": settings.text} | {f"corpora.{k}": v for k, v in settings.evaluation.items()}
    if settings.calibration is not None:
        texts["calibration"] = settings.calibration
    check_apart(texts, settings.certificate)
    data, folder = settings.data, Paths(root).model(settings.model)
    facts = export_model(settings.source, folder, context=data.context)
    start_layer(settings.hook_name, facts.n_layers)
    train, held_out = cut_windows(
        load_documents(settings.text),
        load_tokenizer(folder),
        context=data.context,
        bos_token_id=facts.bos_token_id if data.prepend_bos else None,
        n_tokens=data.n_tokens,
        max_per_document=data.max_windows_per_document,
        held_out_share=data.held_out_share,
        seed=settings.data_seed,
    )
    if data.max_training_windows is not None:
        train = train.take(np.arange(min(len(train), data.max_training_windows)))
    gigabytes = len(train) * data.context * facts.d_model * 2 / 1e9
    kept = f"kept on disk, {gigabytes:.1f} GB" if data.keep_activations else "not kept"
    say(
        f"{len(train):,} windows of {train.n_documents:,} documents to train on, {len(held_out):,} "
        f"of {held_out.n_documents:,} others held out; activations are {kept}"
    )
    split = SplitModel(
        load_model(folder, dtype=DTYPES[data.prefix_dtype], device=device), settings.hook_name
    )
    made = {"train": train, "held_out": held_out}
    if settings.calibration is not None:
        made["calibration"] = calibration_windows(settings, settings.calibration, facts, folder)
    stores = {
        part: new_store(settings, windows, split, facts, root) for part, windows in made.items()
    }
    return Prepared(
        facts=facts,
        split=split,
        train=stores["train"],
        held_out=stores["held_out"],
        calibration=stores.get("calibration", stores["held_out"]),
        windows=(train, held_out),
        calibration_windows=made.get("calibration", held_out),
        folder=folder,
    )


def new_store(
    settings: TrainingSettings, windows: Windows, split: SplitModel, facts: ModelFacts, root: Path
) -> ShardStore:
    """The activations of these windows, kept in a folder named by all that decides them: runs that
    differ in the dictionary or the optimiser alone (a sweep) share them."""
    data = settings.data
    fingerprint = settings_digest(
        [facts.fingerprint, settings.hook_name, windows.fingerprint(), data.prefix_dtype,
         data.outlier_ratio, data.shard_windows]
    )  # fmt: skip
    folder = root / "outputs/training/activations" / fingerprint[:16]
    return ShardStore(
        windows.token_ids,
        split.prefix,
        fingerprint=fingerprint,
        shard_sequences=data.shard_windows,
        batch_size=data.prefix_batch,
        outlier_ratio=data.outlier_ratio,
        folder=folder if data.keep_activations else None,
        device=str(split.device),
    )


def calibration_windows(
    settings: TrainingSettings, spec: CorpusSpec, facts: ModelFacts, folder: Path
) -> Windows:
    """Windows of the text that the threshold is set on, sampled as the pipeline samples."""
    sample = sample_corpus(
        spec,
        load_tokenizer(folder),
        context=settings.data.context,
        bos_token_id=facts.bos_token_id if settings.data.prepend_bos else None,
        vocab_size=facts.vocab_size,
        max_sequences_per_document=settings.data.max_windows_per_document,
        seed=settings.data_seed,
        special_token_ids=facts.special_token_ids,
        frozen_at=settings.source.frozen_at,
    )
    return Windows(sample.token_ids, sample.document)
