"""cache_activations: tokens -> activations at a hook point; the prefix is run once.

With ``engine.store_activations=false`` only their norms are stored, and every stage that needs
activations computes them again.
"""

from semdim.activations.cache import cache_activations
from semdim.activations.norms import familiar_of, write_looks, write_norms
from semdim.artifacts.one_shard import Unfinished
from semdim.artifacts.shards import MANIFEST
from semdim.forward.hook_points import parse_hook
from semdim.models.facts import read_facts
from semdim.tokens.sample import check_token_ids, load_tokens, shard_ranges
from semdim.workers.job import Work
from stages.support.load import load_split, recomputed, start_engine
from stages.support.run import Run, say
from stages.support.shardwise import Step, compute
from stages.support.startup import stage


def load(run: Run) -> Work:
    """The model, for all activations."""
    split = load_split(run, start_engine(run))
    token_ids, _ = load_tokens(run.paths.tokens(run.model, run.corpus))
    size, batch = run.setting("engine.shard_sequences"), run.setting("engine.batch_sequences")
    return lambda writers, update: cache_activations(
        split, token_ids, writers[0], shard_sequences=size, batch_sequences=batch, update=update
    )


def load_looks(run: Run) -> Work:
    """The model, for a first look at activations that are not stored."""
    source = recomputed(run, run.corpus, load_split(run, start_engine(run)))
    return lambda writers, update: write_looks(source, writers[0], update=update)


def load_norms(run: Run, looks: Unfinished) -> Work:
    """The model and what all of the first looks say, for the norms."""
    source = recomputed(run, run.corpus, load_split(run, start_engine(run)))
    reference = familiar_of(source, looks.read)
    return lambda writers, update: write_norms(source, reference, writers[0], update=update)


@stage
def main(run: Run) -> None:
    dtype, backend = run.compute_dtype, run.backend
    stored = run.setting("engine.store_activations")
    exported, tokens = run.paths.model(run.model), run.paths.tokens(run.model, run.corpus)
    size, desc = run.setting("engine.shard_sequences"), f"{run.model} prefix on {run.corpus}"
    token_ids, _ = load_tokens(tokens)
    check_token_ids(token_ids, read_facts(exported).vocab_size, str(tokens))
    n_tokens = token_ids.numel()
    writer = run.writer(
        run.paths.activations(run.model, run.hook, run.corpus),
        inputs=[tokens / MANIFEST, exported / "facts.json"],
        params=[run.hook, dtype, backend, size, stored],
        n_shards=len(shard_ranges(len(token_ids), size)),
    )
    if stored:
        compute(run, desc, Step(load, ((writer, n_tokens),)))
    else:
        looks = writer.beside("looks")
        if writer.missing:
            compute(
                run, desc,
                Step(load_looks, ((looks, n_tokens),)),
                Step(load_norms, ((writer, n_tokens),), (Unfinished.of(looks),)),
            )  # fmt: skip
        looks.discard()
    writer.publish(
        {
            "hook_name": parse_hook(run.hook)[0],
            "compute_dtype": dtype,
            "backend": backend,
            "stored": stored,
        }
    )
    what = "tokens" if stored else "tokens, norms only,"
    say(f"{n_tokens} {what} at {run.hook} -> {writer.final}")


if __name__ == "__main__":
    main()
