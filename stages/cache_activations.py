"""cache_activations: tokens -> activations at the SAE's hook point; the prefix is run once.

With ``engine.store_activations=false`` only their norms are stored, and whoever needs activations
computes them anew.
"""

from semdim.activations.cache import cache_activations
from semdim.activations.norms import cache_norms
from semdim.models.facts import read_facts
from semdim.progress import progress_bar
from semdim.tokens.sample import check_token_ids, load_tokens, shard_ranges
from stages.common import Run, say, stage
from stages.loading import load_split, recomputed


@stage
def main(run: Run) -> None:
    paths, model, corpus, engine = run.paths, run.model, run.corpus, run.settings.engine
    device = engine.start()
    tokens, out = paths.tokens(model, corpus), paths.activations(model, corpus)
    token_ids, _ = load_tokens(tokens)
    check_token_ids(token_ids, read_facts(paths.model(model)).vocab_size, str(tokens))
    writer = run.writer(
        out,
        inputs=[tokens / "manifest.json", paths.model(model) / "facts.json", paths.hook(model)],
        params={
            "compute_dtype": engine.compute_dtype,
            "shard_sequences": engine.shard_sequences,
            "stored": engine.store_activations,
        },
        n_shards=len(shard_ranges(len(token_ids), engine.shard_sequences)),
    )
    split = load_split(run, device)
    passes = 1 if engine.store_activations else 2
    with progress_bar(total=passes * token_ids.numel(), desc=f"{model} prefix on {corpus}") as bar:
        if engine.store_activations:
            cache_activations(
                split,
                token_ids,
                writer,
                shard_sequences=engine.shard_sequences,
                batch_sequences=engine.batch_sequences,
                update=bar.update,
            )
        else:
            cache_norms(recomputed(run, corpus, split), writer, update=bar.update)
    writer.publish(
        {
            "hook_name": split.hook_name,
            "compute_dtype": engine.compute_dtype,
            "stored": engine.store_activations,
        }
    )
    what = "tokens" if engine.store_activations else "tokens, norms only,"
    say(f"{token_ids.numel()} {what} at {split.hook_name} -> {out}")


if __name__ == "__main__":
    main()
