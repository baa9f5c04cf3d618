"""score_activations: distances of a corpus's activations from familiar ones -> a Parquet table."""

import numpy as np

from semdim.artifacts.shards import Artifact
from semdim.ledger.table import build_table, write_ledger
from semdim.tokens.sample import load_tokens
from semdim.uncertainty.activation_scores import ActivationFit, TokenShards, score_activations
from stages.support.load import open_activations
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    fitted = Artifact.open(run.paths.activation_fit(run.model, run.hook))
    token_ids, document = load_tokens(run.paths.tokens(run.model, run.corpus))
    every = np.ones(tuple(token_ids.shape), dtype=bool)
    tokens = TokenShards(open_activations(run, run.corpus), every)
    columns = score_activations(ActivationFit.from_artifact(fitted), tokens)
    facts = {"model": run.model, "corpus": run.corpus, "activation_fit": fitted.facts}
    table = build_table(token_ids.numpy(), document.numpy(), columns, {}, facts)
    out = run.paths.scores(run.model, run.hook, run.corpus)
    write_ledger(table, out)
    say(f"{table.num_rows} tokens, {', '.join(columns)} -> {out}")


if __name__ == "__main__":
    main()
