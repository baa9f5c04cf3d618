"""write_ledger: tokens, norms, codes and losses of one probe and corpus -> one Parquet table."""

from semdim.artifacts.protocols import is_stored
from semdim.artifacts.shards import Artifact
from semdim.ledger.collect import CorpusFacts, base_parts
from semdim.ledger.table import LedgerWriter
from semdim.models.facts import read_facts
from semdim.paths import CODE_COLUMNS
from stages.support.cached_activations import cached_activations
from stages.support.ledger import ledger_facts, read_tokens
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    paths, probe, corpus = run.paths, run.probe, run.corpus
    token_ids, document, sample = read_tokens(run, corpus)
    others = [name for name in run.setting("grid.proxy") if name != "model"]
    losses = {"model": Artifact.open(paths.model_losses(run.model, corpus))}
    losses |= {name: Artifact.open(paths.losses(probe, corpus) / name) for name in others}
    writer, codes = LedgerWriter(paths.ledger(probe, corpus)), CorpusFacts()
    of_codes = Artifact.open(paths.codes(probe, corpus))
    if not is_stored(of_codes):
        of_codes = Artifact.open(paths.losses(probe, corpus) / CODE_COLUMNS)
    for part in base_parts(
        token_ids,
        cached_activations(run, corpus),
        of_codes,
        losses,
        bos_token_id=read_facts(paths.model(run.model)).bos_token_id,
    ):
        writer.append(part.table(document))
        codes.add(part.per_token, part.atoms)
    context = token_ids.shape[1]
    writer.finish(ledger_facts(run, corpus, sample, context, losses, codes.total()))
    say(f"{writer.n_rows} tokens, {len(losses)} proxies -> {writer.path}")


if __name__ == "__main__":
    main()
