"""The facts of a probe's ledger, from those of its parts."""

from collections.abc import Mapping
from typing import Any

from semdim.artifacts.shards import Artifact
from semdim.errors import ArtifactError
from semdim.ledger.facts import CodesFacts, LedgerFacts
from semdim.models.facts import read_facts
from semdim.saes.facts import read_facts as read_sae_facts
from semdim.tokens.sample import load_tokens
from stages.support.cached_activations import cached_activations
from stages.support.run import Run

#: Ends of the names of proxies that have a splice of their own, whatever the run's.
NAMED = ("_all", "_no_bos")


def read_tokens(run: Run, corpus: str) -> tuple[Any, Any, Mapping[str, Any]]:
    """Token ids [S, T] and the document of each sequence [S]; what was published with them."""
    folder = run.paths.tokens(run.model, corpus)
    token_ids, document = load_tokens(folder)
    return token_ids, document.numpy(), Artifact.open(folder).facts


def ledger_facts(
    run: Run,
    corpus: str,
    sample: Mapping[str, Any],
    context: int,
    losses: Mapping[str, Artifact],
    codes: CodesFacts | None = None,
) -> LedgerFacts:
    """What holds for a whole ledger, or for a file of its further columns (``codes`` is None).

    Raises:
        ArtifactError: something was computed with other settings than those of this run, whose
            names the facts would bear.
    """
    cached_activations(run, corpus)
    ours = run.setting("splice")
    for name, artifact in losses.items():
        theirs = ours if name == "model" or name.endswith(NAMED) else artifact.facts["splice"]
        if theirs != ours:
            raise ArtifactError(
                f"{artifact.folder} was computed with splice={theirs}, but this run computes with "
                f"splice={ours}; `dvc repro` computes it again."
            )
    return LedgerFacts.of(
        read_facts(run.paths.model(run.model)),
        read_sae_facts(run.paths.sae(run.probe)),
        sample,
        corpus=corpus,
        context=context,
        splice=run.setting("splice"),
        compute_dtype=run.compute_dtype,
        seed=run.setting("seed"),
        proxies={name: artifact.facts["splice"] for name, artifact in losses.items()},
        codes=codes,
        backend=run.backend,
        kl_smoothing=run.setting("grid.kl_smoothing"),
    )
