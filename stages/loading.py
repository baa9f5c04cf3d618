"""What several stages load: the model cut in two, and activations from disk or from the tokens."""

import torch

from semdim.activations.source import ActivationSource, RecomputedActivations
from semdim.artifacts.shards import Artifact
from semdim.forward.split import SplitModel
from semdim.models.load import load_model
from semdim.models.spec import WeightProcessing
from semdim.tokens.sample import load_tokens
from stages.common import Run, read_json


def load_split(run: Run, device: str, dtype: torch.dtype | None = None) -> SplitModel:
    """The unit's model in the dtype of the engine (or another one), cut at the SAE's hook point."""
    hook = read_json(run.paths.hook(run.model))
    model = load_model(
        run.paths.model(run.model),
        dtype=dtype or run.settings.engine.dtype,
        device=device,
        processing=WeightProcessing(**hook["processing"]),
    )
    return SplitModel(model, hook["hook_name"])


def recomputed(run: Run, corpus: str, split: SplitModel) -> RecomputedActivations:
    """The activations of a corpus, computed anew whenever they are read."""
    engine = run.settings.engine
    token_ids, _ = load_tokens(run.paths.tokens(run.model, corpus))
    return RecomputedActivations(
        split,
        token_ids,
        shard_sequences=engine.shard_sequences,
        batch_sequences=engine.batch_sequences,
        folder=run.paths.activations(run.model, corpus),
    )


def open_activations(run: Run, corpus: str, split: SplitModel | None = None) -> ActivationSource:
    """The activations of a corpus: those on disk, or computed anew where only norms were stored.

    split: the model, where the stage has it already; it is loaded only when it is needed.
    """
    artifact = Artifact.open(run.paths.activations(run.model, corpus))
    if artifact.facts.get("stored", True):
        return artifact
    if split is None:
        split = load_split(run, run.settings.engine.start())
    return recomputed(run, corpus, split)
