"""score_activations: distances of a corpus's activations from familiar ones -> a Parquet table."""

import numpy as np

from semdim.artifacts.shards import Artifact
from semdim.ledger.table import build_table, write_ledger
from semdim.tokens.sample import load_tokens
from semdim.uncertainty.activation_scores import (
    ActivationFit,
    TokenShards,
    score_activations,
    score_sequences,
)
from semdim.uncertainty.refits import evenly, refit_column
from stages.support.load import open_activations
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    fitted = Artifact.open(run.paths.activation_fit(run.model, run.hook))
    token_ids, document = load_tokens(run.paths.tokens(run.model, run.corpus))
    activations = open_activations(run, run.corpus)
    every = np.ones(tuple(token_ids.shape), dtype=bool)
    columns = score_activations(
        ActivationFit.from_artifact(fitted), TokenShards(activations, every)
    )
    facts, most = dict(fitted.facts), run.setting("uncertainty.refit_sequences")
    of_fit = np.isin(document.numpy(), facts["fit_documents"])
    known = of_fit if run.corpus == facts["sample"] else np.zeros_like(of_fit)
    kept = np.zeros_like(every)
    for group in (known, ~known):
        kept[evenly(group, most)] = True
    for refit in range(len(facts.pop("refits", ()))):
        scores = score_sequences(
            ActivationFit.from_artifact(fitted, refit), TokenShards(activations, kept)
        )
        columns |= {refit_column(name, refit): column for name, column in scores.items()}
    about = {"model": run.model, "corpus": run.corpus, "activation_fit": facts}
    table = build_table(token_ids.numpy(), document.numpy(), columns, {}, about)
    out = run.paths.scores(run.model, run.hook, run.corpus)
    write_ledger(table, out)
    say(f"{table.num_rows} tokens, {', '.join(columns)} -> {out}")


if __name__ == "__main__":
    main()
