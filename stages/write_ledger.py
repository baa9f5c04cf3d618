"""write_ledger: tokens, norms, codes and losses of one probe and corpus -> one Parquet table."""

from semdim.artifacts.shards import Artifact
from semdim.ledger.collect import base_parts, corpus_facts
from semdim.ledger.table import LedgerWriter
from semdim.models.facts import read_facts
from semdim.saes.facts import read_facts as read_sae_facts
from semdim.tokens.sample import load_tokens
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    paths, probe, corpus = run.paths, run.probe, run.corpus
    model, sae = read_facts(paths.model(run.model)), read_sae_facts(paths.sae(probe))
    tokens = Artifact.open(paths.tokens(run.model, corpus))
    token_ids, document = load_tokens(tokens.folder)
    others = [name for name in run.setting("grid.proxy") if name != "model"]
    losses = {"model": Artifact.open(paths.model_losses(run.model, corpus))}
    losses |= {name: Artifact.open(paths.losses(probe, corpus) / name) for name in others}
    activations = Artifact.open(paths.activations(run.model, run.hook, corpus))
    writer, facts = LedgerWriter(paths.ledger(probe, corpus)), corpus_facts(model, sae, tokens)
    for part in base_parts(
        token_ids,
        activations,
        Artifact.open(paths.codes(probe, corpus)),
        losses,
        bos_token_id=model.bos_token_id,
    ):
        writer.append(part.table(document.numpy()))
        facts.add(part)
    splices = {name: losses[name].facts["splice"] for name in losses}
    dtype = activations.facts["compute_dtype"]
    writer.finish(
        facts.finished(corpus, splices, run.setting("splice"), dtype, run.setting("seed"))
    )
    say(f"{writer.n_rows} tokens, {len(losses)} proxies -> {writer.path}")


if __name__ == "__main__":
    main()
