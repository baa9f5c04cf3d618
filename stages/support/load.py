"""What several stages load: the model cut in two, and activations from disk or from the tokens."""

from semdim.activations.source import ActivationSource, RecomputedActivations
from semdim.artifacts.protocols import is_stored
from semdim.forward.backend import load_backend
from semdim.forward.dtype import torch_dtype
from semdim.forward.hook_points import parse_hook
from semdim.forward.spec import EngineSpec
from semdim.forward.split import SplitModel
from semdim.models.spec import WeightProcessing
from semdim.tokens.sample import load_tokens
from stages.support.cached_activations import cached_activations
from stages.support.run import Run


def start_engine(run: Run) -> str:
    """Set threads and allocator as the settings say; the device to compute on."""
    return run.read("engine", EngineSpec, ("device", "n_threads")).start()


def load_split(run: Run, device: str, dtype: str | None = None) -> SplitModel:
    """The unit's model on the back end of the engine, cut at the unit's hook.

    dtype: None: the engine's.
    """
    hook_name, processing = parse_hook(run.hook)
    backend = load_backend(
        run.backend,
        run.paths.model(run.model),
        dtype=torch_dtype(dtype or run.compute_dtype),
        device=device,
        processing=WeightProcessing(**dict.fromkeys(processing, True)),
    )
    return SplitModel(backend, hook_name)


def load_answering(run: Run, device: str) -> SplitModel:
    """The unit's model as transformers has it, which can generate with keys and values kept, cut at
    the unit's hook."""
    from semdim.forward.backends.transformers import TransformersBackend
    from semdim.models.load_transformers import load_transformers

    hook_name, processing = parse_hook(run.hook)
    model = load_transformers(
        run.paths.model(run.model), dtype=torch_dtype(run.compute_dtype), device=device
    )
    wanted = WeightProcessing(**dict.fromkeys(processing, True))
    return SplitModel(TransformersBackend(model, wanted), hook_name)


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
        ArtifactError: there are none, or they were computed in another dtype or by
            another back end.
    """
    artifact = cached_activations(run, corpus)
    if is_stored(artifact):
        return artifact
    if split is None:
        split = load_split(run, start_engine(run))
    return recomputed(run, corpus, split)
