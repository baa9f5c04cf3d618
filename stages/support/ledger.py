"""The facts of a probe's ledger, from those of its parts."""

from collections.abc import Mapping
from typing import Any

from semdim.artifacts.shards import Artifact
from semdim.ledger.facts import CodesFacts, LedgerFacts
from semdim.models.facts import read_facts
from semdim.saes.facts import read_facts as read_sae_facts
from semdim.tokens.sample import load_tokens
from stages.support.run import Run


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
    """What holds for a whole ledger, or for a file of its further columns (``codes`` is None)."""
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
