"""write_ledger: tokens, codes and losses of one model and corpus -> one Parquet table."""

from semdim.artifacts.shards import Artifact
from semdim.engine.collect import corpus_facts, prediction_columns, token_columns
from semdim.engine.sample import load_tokens
from semdim.ledger import build_table, write_ledger
from semdim.models.facts import read_facts
from semdim.saes.facts import read_facts as read_sae_facts
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    paths, model, corpus, settings = run.paths, run.model, run.corpus, run.settings
    sae, language_model = read_sae_facts(paths.sae(model)), read_facts(paths.model(model))
    tokens = Artifact.open(paths.tokens(model, corpus))
    token_ids, document = load_tokens(tokens.folder)
    per_token = token_columns(
        token_ids,
        language_model.bos_token_id,
        Artifact.open(paths.activations(model, corpus)),
        Artifact.open(paths.codes(model, corpus)),
        Artifact.open(paths.atom_order(model)).read(0)["order"],
    )
    proxies = settings.grid.proxies(corpus)
    losses = {name: Artifact.open(paths.losses(model, corpus, name)) for name in proxies}
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
        "codes": corpus_facts(per_token),
    }
    table = build_table(
        token_ids.numpy(), document.numpy(), per_token, prediction_columns(losses), facts
    )
    write_ledger(table, paths.ledger(model, corpus))
    say(f"{table.num_rows} tokens, {len(proxies)} proxies -> {paths.ledger(model, corpus)}")


if __name__ == "__main__":
    main()
