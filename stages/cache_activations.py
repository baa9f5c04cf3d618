"""cache_activations: tokens -> activations at a hook point; the prefix is run once.

With ``engine.store_activations=false`` only their norms are stored, and every stage that needs
activations computes them again.
"""

from semdim.activations.cache import cache_activations
from semdim.activations.norms import cache_norms
from semdim.artifacts.shards import MANIFEST
from semdim.models.facts import read_facts
from semdim.progress import progress_bar
from semdim.tokens.sample import check_token_ids, load_tokens, shard_ranges
from stages.support.load import load_split, recomputed, start_engine
from stages.support.run import Run, say
from stages.support.startup import stage
from stages.support.timed import timed


@stage
def main(run: Run) -> None:
    device, stored = start_engine(run), run.setting("engine.store_activations")
    exported, tokens = run.paths.model(run.model), run.paths.tokens(run.model, run.corpus)
    size, dtype = run.setting("engine.shard_sequences"), run.compute_dtype
    backend = run.backend
    token_ids, _ = load_tokens(tokens)
    check_token_ids(token_ids, read_facts(exported).vocab_size, str(tokens))
    writer = run.writer(
        run.paths.activations(run.model, run.hook, run.corpus),
        inputs=[tokens / MANIFEST, exported / "facts.json"],
        params=[run.hook, dtype, backend, size, stored],
        n_shards=len(shard_ranges(len(token_ids), size)),
    )
    split, passes = load_split(run, device), 1 if stored else 2
    n_tokens = token_ids.numel()
    with (
        progress_bar(total=passes * n_tokens, desc=f"{run.model} prefix on {run.corpus}") as bar,
        timed(run, (writer, n_tokens)),
    ):
        if stored:
            batch = run.setting("engine.batch_sequences")
            cache_activations(
                split, token_ids, writer,
                shard_sequences=size, batch_sequences=batch, update=bar.update,
            )  # fmt: skip
        else:
            cache_norms(recomputed(run, run.corpus, split), writer, update=bar.update)
    writer.publish(
        {
            "hook_name": split.hook_name,
            "compute_dtype": dtype,
            "backend": backend,
            "stored": stored,
        }
    )
    what = "tokens" if stored else "tokens, norms only,"
    say(f"{n_tokens} {what} at {run.hook} -> {writer.final}")


if __name__ == "__main__":
    main()
