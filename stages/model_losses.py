"""model_losses: the model's own loss and scores at each token, once for all of its probes.

The suffix continues from the cached activations of the model's first hook point: to the bit what a
full forward pass gives, at half of its cost.
"""

from semdim.artifacts.shards import MANIFEST, Artifact
from semdim.forward.hook_points import parse_hook
from semdim.progress import progress_bar
from semdim.proxies.model_losses import model_losses
from semdim.tokens.sample import load_tokens
from stages.support.load import load_split, open_activations, start_engine
from stages.support.run import Run, say
from stages.support.startup import stage
from stages.support.timed import timed


@stage
def main(run: Run) -> None:
    device = start_engine(run)
    exported = run.paths.model(run.model)
    token_ids, _ = load_tokens(run.paths.tokens(run.model, run.corpus))
    cached = run.paths.activations(run.model, run.hook, run.corpus)
    split = load_split(run, device)
    activations = open_activations(run, run.corpus, split)
    # Who has no room for activations has none for the final residual stream either.
    keeps_residual = isinstance(activations, Artifact)
    writer = run.writer(
        run.paths.model_losses(run.model, run.corpus),
        inputs=[cached / MANIFEST, exported / "facts.json"],
        params=[run.compute_dtype, run.backend, keeps_residual],
        n_shards=len(activations),
    )
    n_tokens = token_ids.numel()
    with (
        progress_bar(total=n_tokens, desc=f"{run.model} itself on {run.corpus}") as bar,
        timed(run, (writer, n_tokens)),
    ):
        model_losses(
            split,
            token_ids,
            activations,
            writer,
            batch_sequences=run.setting("engine.batch_sequences"),
            keeps_residual=keeps_residual,
            update=bar.update,
        )
    processing = list(parse_hook(run.hook)[1])
    writer.publish({"proxy": "model", "kind": "model", "splice": "", "processing": processing})
    say(f"losses of {run.model} at {n_tokens} tokens -> {writer.final}")


if __name__ == "__main__":
    main()
