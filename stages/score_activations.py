"""score_activations: distances of a corpus's activations from familiar ones -> a Parquet table."""

import numpy as np

from semdim.artifacts.shards import Artifact
from semdim.ledger.table import build_table, write_ledger
from semdim.tokens.sample import load_tokens
from semdim.uncertainty.activation_scores import ActivationFit, TokenShards, score_activations
from stages.common import Run, say, stage
from stages.loading import open_activations


@stage
def main(run: Run) -> None:
    paths, model, corpus = run.paths, run.model, run.corpus
    fitted = Artifact.open(paths.activation_fit(model))
    token_ids, document = load_tokens(paths.tokens(model, corpus))
    every = np.ones(tuple(token_ids.shape), dtype=bool)
    tokens = TokenShards(open_activations(run, corpus), every)
    columns = score_activations(ActivationFit.from_artifact(fitted), tokens)
    facts = {"model": model, "corpus": corpus, "activation_fit": fitted.facts}
    table = build_table(token_ids.numpy(), document.numpy(), columns, {}, facts)
    write_ledger(table, paths.scores(model, corpus))
    say(f"{table.num_rows} tokens, {', '.join(columns)} -> {paths.scores(model, corpus)}")


if __name__ == "__main__":
    main()
