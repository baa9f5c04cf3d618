"""What several stages load of a probe's SAE: codes from disk or from the activations."""

from dataclasses import dataclass

from semdim.activations.source import Remembered
from semdim.artifacts.protocols import ShardSource, is_stored
from semdim.artifacts.shards import Artifact
from semdim.codes.encode import Encoding
from semdim.codes.source import RecomputedCodes
from semdim.forward.split import SplitModel
from semdim.saes.load import load_decoder, load_sae
from stages.support.load import open_activations, start_engine
from stages.support.run import Run


@dataclass(frozen=True)
class Opened:
    """The codes of a corpus, and the activations that are read in step with them."""

    codes: ShardSource
    activations: ShardSource
    """The same ones that codes are computed from where they are not stored, so that each shard of
    them is computed once."""


def load_encoding(run: Run, device: str, activations: ShardSource) -> Encoding:
    """The unit's SAE, as it encodes these activations."""
    folder = run.paths.sae(run.probe)
    sae, decoder = load_sae(folder, device=device), load_decoder(folder).to(device)
    rows = run.setting("engine.batch_sequences") * activations.shape(0, "activation")[1]
    return Encoding(sae, decoder.weight, decoder.bias, batch_rows=rows, device=device)


def open_both(run: Run, corpus: str, split: SplitModel | None = None) -> Opened:
    """Activations and codes of a corpus: those on disk, or computed again.

    split: the model, where the stage has it already.

    Raises:
        ArtifactError: there are none, or the activations were computed in another dtype or by
            another back end.
    """
    activations = open_activations(run, corpus, split)
    artifact = Artifact.open(run.paths.codes(run.probe, corpus))
    if is_stored(artifact):
        return Opened(artifact, activations)
    shared = Remembered(activations)
    encoding = load_encoding(run, start_engine(run), shared)
    facts = dict(artifact.facts)
    codes = RecomputedCodes(encoding, shared, facts=facts, folder=artifact.folder)
    return Opened(codes, shared)


def open_codes(run: Run, corpus: str) -> ShardSource:
    """The codes of a corpus: those on disk, or computed again from its activations.

    Raises:
        ArtifactError: there are none.
    """
    artifact = Artifact.open(run.paths.codes(run.probe, corpus))
    return artifact if is_stored(artifact) else open_both(run, corpus).codes
