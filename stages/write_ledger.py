"""write_ledger: tokens, codes and losses of one model and corpus -> one Parquet table."""

from semdim.artifacts.shards import Artifact
from semdim.ledger.collect import CorpusFacts, ledger_parts
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
    writer, codes = LedgerWriter(paths.ledger(model, corpus)), CorpusFacts()
    for part in ledger_parts(
        token_ids,
        Artifact.open(paths.activations(model, corpus)),
        Artifact.open(paths.codes(model, corpus)),
        losses,
        Artifact.open(paths.atom_order(model)).read(0)["order"],
        bos_token_id=language_model.bos_token_id,
    ):
        writer.append(part.table(document.numpy()))
        codes.add(part.per_token)
    facts = {
        "model": language_model.name,
        "model_fingerprint": language_model.fingerprint,
        "n_layers": language_model.n_layers,
        "d_model": language_model.d_model,
        "vocab_size": language_model.vocab_size,
        "sae": sae.name,
        "sae_fingerprint": sae.fingerprint,
        "sae_architecture": sae.architecture,
        "sae_mean_n_active": sae.mean_n_active,
        "hook_name": sae.hook_name,
        "dict_size": sae.dict_size,
        "corpus": corpus,
        "role": settings.corpora[corpus].role,
        **tokens.facts,
        "context": token_ids.shape[1],
        "splice": settings.splice,
        "compute_dtype": settings.engine.compute_dtype,
        "seed": settings.seed,
        "proxies": {name: losses[name].facts["splice"] for name in proxies},
        "codes": codes.as_dict(),
    }
    writer.finish(facts)
    say(f"{writer.n_rows} tokens, {len(proxies)} proxies -> {writer.path}")


if __name__ == "__main__":
    main()
