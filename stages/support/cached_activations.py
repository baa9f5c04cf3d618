"""What cache_activations published, where it was computed as this run would compute it."""

from semdim.artifacts.shards import Artifact
from semdim.errors import ArtifactError
from stages.support.run import Run


def cached_activations(run: Run, corpus: str) -> Artifact:
    """What cache_activations published of a corpus: activations, or their norms alone.

    Raises:
        ArtifactError: nothing, or it was computed in another dtype or by another back end.
    """
    artifact = Artifact.open(run.paths.activations(run.model, run.hook, corpus))
    for how, fact, ours in (
        ("in", "compute_dtype", run.compute_dtype),
        ("with", "backend", run.backend),
    ):
        if (theirs := artifact.facts.get(fact, ours)) != ours:
            raise ArtifactError(
                f"{artifact.folder} was computed {how} {theirs}, but this run computes {how} "
                f"{ours}; `dvc repro` computes it again."
            )
    return artifact
