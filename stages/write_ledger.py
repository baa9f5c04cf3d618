"""write_ledger: tokens, codes and losses of one model and corpus -> one Parquet table."""

from semdim.artifacts.shards import Artifact
from semdim.ledger.collect import CorpusFacts, base_parts, further_parts, joined
from semdim.ledger.facts import LedgerFacts
from semdim.ledger.table import LedgerWriter
from semdim.models.facts import read_facts
from semdim.saes.facts import read_facts as read_sae_facts
from semdim.tokens.sample import load_tokens
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    paths, model, corpus, settings = run.paths, run.model, run.corpus, run.settings
    sae, language_model = read_sae_facts(paths.sae(model)), read_facts(paths.model(model))
    tokens = Artifact.open(paths.tokens(model, corpus))
    token_ids, document = load_tokens(tokens.folder)
    proxies = settings.grid.proxies(corpus)
    losses = {name: Artifact.open(paths.losses(model, corpus, name)) for name in proxies}
    codes = Artifact.open(paths.codes(model, corpus))
    writer, of_codes = LedgerWriter(paths.ledger(model, corpus)), CorpusFacts()
    order = Artifact.open(paths.atom_order(model)).read(0)["order"]
    base = base_parts(
        token_ids,
        Artifact.open(paths.activations(model, corpus)),
        codes,
        losses,
        bos_token_id=language_model.bos_token_id,
    )
    for part in joined(base, further_parts(token_ids, codes, {}, order)):
        writer.append(part.table(document.numpy()))
        of_codes.add(part.per_token)
    facts = LedgerFacts.of(
        language_model,
        sae,
        tokens.facts,
        corpus=corpus,
        context=token_ids.shape[1],
        splice=settings.splice,
        compute_dtype=settings.engine.compute_dtype,
        seed=settings.seed,
        proxies={name: losses[name].facts["splice"] for name in proxies},
        codes=of_codes.total(),
    )
    writer.finish(facts)
    say(f"{writer.n_rows} tokens, {len(proxies)} proxies -> {writer.path}")


if __name__ == "__main__":
    main()
