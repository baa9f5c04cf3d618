"""model_losses: the model's own loss and scores at each token, once for all of its probes.

The suffix continues from the cached activations of the model's first hook point: to the bit what a
full forward pass gives, at half of its cost.
"""

from semdim.artifacts.protocols import is_stored
from semdim.artifacts.shards import MANIFEST
from semdim.forward.hook_points import parse_hook
from semdim.proxies.model_losses import model_losses
from semdim.tokens.sample import load_tokens
from semdim.workers.job import Work
from stages.support.cached_activations import cached_activations
from stages.support.load import load_split, open_activations, start_engine
from stages.support.run import Run, say
from stages.support.shardwise import Step, compute
from stages.support.startup import stage


def load(run: Run, keeps_residual: bool) -> Work:
    """The model."""
    split = load_split(run, start_engine(run))
    token_ids, _ = load_tokens(run.paths.tokens(run.model, run.corpus))
    activations = open_activations(run, run.corpus, split)
    batch = run.setting("engine.batch_sequences")
    return lambda writers, update: model_losses(
        split, token_ids, activations, writers[0],
        batch_sequences=batch, keeps_residual=keeps_residual, update=update,
    )  # fmt: skip


@stage
def main(run: Run) -> None:
    activations = cached_activations(run, run.corpus)
    # Who has no room for activations has none for the final residual stream either.
    keeps_residual = is_stored(activations)
    writer = run.writer(
        run.paths.model_losses(run.model, run.corpus),
        inputs=[activations.folder / MANIFEST, run.paths.model(run.model) / "facts.json"],
        params=[run.compute_dtype, run.backend, keeps_residual],
        n_shards=len(activations),
    )
    n_tokens = load_tokens(run.paths.tokens(run.model, run.corpus))[0].numel()
    compute(
        run, f"{run.model} itself on {run.corpus}",
        Step(load, ((writer, n_tokens),), (keeps_residual,)),
    )  # fmt: skip
    processing = list(parse_hook(run.hook)[1])
    writer.publish({"proxy": "model", "kind": "model", "splice": "", "processing": processing})
    say(f"losses of {run.model} at {n_tokens} tokens -> {writer.final}")


if __name__ == "__main__":
    main()
