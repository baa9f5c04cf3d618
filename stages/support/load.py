"""What several stages load: the model cut in two, and activations from disk or from the tokens."""

from semdim.activations.source import ActivationSource, RecomputedActivations
from semdim.artifacts.shards import Artifact
from semdim.errors import ArtifactError
from semdim.forward.dtype import torch_dtype
from semdim.forward.hook_points import parse_hook
from semdim.forward.spec import EngineSpec
from semdim.forward.split import SplitModel
from semdim.models.load import load_model
from semdim.models.spec import WeightProcessing
from semdim.tokens.sample import load_tokens
from stages.support.run import Run


def start_engine(run: Run) -> str:
    """Set threads and allocator as the settings say; the device to compute on."""
    return run.read("engine", EngineSpec, ("device", "n_threads")).start()


def load_split(run: Run, device: str) -> SplitModel:
    """The unit's model in the dtype of the engine, cut at the unit's hook point."""
    hook_name, processing = parse_hook(run.hook)
    dtype = torch_dtype(run.compute_dtype)
    folder = run.paths.model(run.model)
    switches = WeightProcessing(**dict.fromkeys(processing, True))
    model = load_model(folder, dtype=dtype, device=device, processing=switches)
    return SplitModel(model, hook_name)


def recomputed(run: Run, corpus: str, split: SplitModel) -> RecomputedActivations:
    """The activations of a corpus, computed again whenever they are read."""
    token_ids, _ = load_tokens(run.paths.tokens(run.model, corpus))
    return RecomputedActivations(
        split,
        token_ids,
        shard_sequences=run.setting("engine.shard_sequences"),
        batch_sequences=run.setting("engine.batch_sequences"),
        folder=run.paths.activations(run.model, run.hook, corpus),
    )


def open_activations(run: Run, corpus: str, split: SplitModel | None = None) -> ActivationSource:
    """The activations of a corpus: those on disk, or computed again where only norms were stored.

    split: the model, where the stage has it already; it is loaded only when it is needed.

    Raises:
        ArtifactError: there are none, or they were computed in another dtype.
    """
    artifact = Artifact.open(run.paths.activations(run.model, run.hook, corpus))
    if artifact.facts.get("compute_dtype", run.compute_dtype) != run.compute_dtype:
        raise ArtifactError(
            f"{artifact.folder} was computed in {artifact.facts['compute_dtype']}, and this run "
            f"computes in {run.compute_dtype}; `dvc repro` computes it anew."
        )
    if artifact.facts.get("stored", True):
        return artifact
    if split is None:
        split = load_split(run, start_engine(run))
    return recomputed(run, corpus, split)
