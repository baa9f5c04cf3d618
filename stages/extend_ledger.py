"""extend_ledger: what only the bounds read of the sample, in a table of its own."""

from semdim.artifacts.protocols import is_stored
from semdim.artifacts.shards import Artifact
from semdim.ledger.collect import further_parts
from semdim.ledger.table import LedgerWriter
from semdim.paths import CODE_COLUMNS
from stages.support.ledger import ledger_facts, read_tokens
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    paths, probe, corpus = run.paths, run.probe, run.setting("grid.sample")
    token_ids, document, sample = read_tokens(run, corpus)
    names = [*run.setting("grid.sweep"), *run.setting("grid.ablation"), *run.setting("grid.pool")]
    folder = paths.further_losses(probe, corpus)
    losses = {name: Artifact.open(folder / name) for name in names}
    order = Artifact.open(paths.atom_order(probe)).read(0)["order"]
    writer = LedgerWriter(paths.further_ledger(probe, corpus))
    of_codes = Artifact.open(paths.codes(probe, corpus))
    if not is_stored(of_codes):
        of_codes = Artifact.open(folder / CODE_COLUMNS)
    for part in further_parts(token_ids, of_codes, losses, order):
        writer.append(part.table(document))
    writer.finish(ledger_facts(run, corpus, sample, token_ids.shape[1], losses))
    say(f"{writer.n_rows} tokens, {len(losses)} further proxies -> {writer.path}")


if __name__ == "__main__":
    main()
