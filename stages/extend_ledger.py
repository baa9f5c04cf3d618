"""extend_ledger: what only the bounds read of the sample, in a table of its own."""

from semdim.artifacts.shards import Artifact
from semdim.ledger.collect import further_facts, further_parts
from semdim.ledger.table import LedgerWriter
from semdim.tokens.sample import load_tokens
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    paths, probe, sample = run.paths, run.probe, run.setting("grid.sample")
    names = [*run.setting("grid.sweep"), *run.setting("grid.ablation"), *run.setting("grid.pool")]
    token_ids, document = load_tokens(paths.tokens(run.model, sample))
    folder = paths.further_losses(probe, sample)
    losses = {name: Artifact.open(folder / name) for name in names}
    order = Artifact.open(paths.atom_order(probe)).read(0)["order"]
    writer = LedgerWriter(paths.further_ledger(probe, sample))
    codes = Artifact.open(paths.codes(probe, sample))
    for part in further_parts(token_ids, codes, losses, order):
        writer.append(part.table(document.numpy()))
    writer.finish(further_facts(sample, {name: losses[name].facts["splice"] for name in names}))
    say(f"{writer.n_rows} tokens, {len(losses)} further proxies -> {writer.path}")


if __name__ == "__main__":
    main()
