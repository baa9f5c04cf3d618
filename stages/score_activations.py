"""score_activations: distances of a corpus's activations from familiar ones -> a Parquet table."""

import numpy as np

from semdim.activations.stored import n_tokens_of
from semdim.artifacts.shards import MANIFEST, Artifact
from semdim.ledger.table import build_table, write_ledger
from semdim.tokens.sample import load_tokens
from semdim.uncertainty.activation_scores import ActivationFit
from semdim.uncertainty.refits import evenly
from semdim.uncertainty.score_shards import joined, score_shards
from semdim.workers.job import Work
from stages.support.cached_activations import cached_activations
from stages.support.load import open_activations
from stages.support.run import Run, say
from stages.support.shardwise import Step, compute
from stages.support.startup import stage


def load(run: Run) -> Work:
    """The fits, and which sequences the refits score."""
    fitted = Artifact.open(run.paths.activation_fit(run.model, run.hook))
    token_ids, document = load_tokens(run.paths.tokens(run.model, run.corpus))
    activations = open_activations(run, run.corpus)
    most = run.setting("uncertainty.refit_sequences")
    of_fit = np.isin(document.numpy(), fitted.facts["fit_documents"])
    known = of_fit if run.corpus == fitted.facts["sample"] else np.zeros_like(of_fit)
    kept = np.zeros(tuple(token_ids.shape), dtype=bool)
    for group in (known, ~known):
        kept[evenly(group, most)] = True
    fit, n_refits = ActivationFit.from_artifact(fitted), len(fitted.facts.get("refits", ()))
    refits = [ActivationFit.from_artifact(fitted, number) for number in range(n_refits)]
    return lambda writers, update: score_shards(
        fit, refits, activations, kept, writers[0], update=update
    )


@stage
def main(run: Run) -> None:
    fit = run.paths.activation_fit(run.model, run.hook)
    tokens = run.paths.tokens(run.model, run.corpus)
    activations = cached_activations(run, run.corpus)
    out, n_shards = run.paths.scores(run.model, run.hook, run.corpus), len(activations)
    writer = run.writer(
        out,
        inputs=[fit / MANIFEST, activations.folder / MANIFEST, tokens / MANIFEST],
        params=[run.setting("uncertainty.refit_sequences"), run.corpus],
        n_shards=n_shards,
    )
    step = Step(load, ((writer, n_tokens_of(activations)),))
    compute(run, f"{run.model} distances on {run.corpus}", step, is_timed=False)
    columns, facts = joined(writer.read, n_shards), dict(Artifact.open(fit).facts)
    facts.pop("refits", None)
    token_ids, document = load_tokens(tokens)
    about = {"model": run.model, "corpus": run.corpus, "activation_fit": facts}
    table = build_table(token_ids.numpy(), document.numpy(), columns, {}, about)
    write_ledger(table, out)
    writer.discard()
    say(f"{table.num_rows} tokens, {', '.join(columns)} -> {out}")


if __name__ == "__main__":
    main()
