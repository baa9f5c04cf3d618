"""compute_losses: the loss of one proxy at each token; the suffix starts at the activation.

Where activations are not stored, the pass that computes them anew serves all proxies of the corpus
that have no losses yet: each finds its shards finished when its own turn comes.
"""

from torch import Tensor

from semdim.artifacts.shards import MANIFEST, Artifact
from semdim.models.facts import read_facts
from semdim.progress import progress_bar
from semdim.proxies.losses import LossColumn, compute_losses, n_shards_of
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.saes.load import Decoder, load_decoder
from semdim.text.samples import count_sequences
from semdim.tokens.sample import load_tokens
from stages.common import Run, say, stage
from stages.loading import load_split, open_activations


@stage
def main(run: Run) -> None:
    paths, model, corpus, engine = run.paths, run.model, run.corpus, run.settings.engine
    name = run.unit.proxy or ""
    device = engine.start()
    decoder = load_decoder(paths.sae(model)).to(device)
    token_ids, _ = load_tokens(paths.tokens(model, corpus))
    asked = column(run, name, decoder, token_ids)
    if asked.writer.missing:
        split = load_split(run, device)
        activations = open_activations(run, corpus, split)
        columns = [asked]
        if not isinstance(activations, Artifact):
            columns += [column(run, other, decoder, token_ids) for other in unwritten(run, name)]
        names = ", ".join(each.reconstruct.proxy.name for each in columns)
        total = sum(each.n_sequences or 0 for each in columns) * token_ids.shape[1]
        with progress_bar(total=total, desc=f"{model} {names} on {corpus}") as bar:
            compute_losses(
                split,
                columns,
                token_ids,
                activations,
                Artifact.open(paths.codes(model, corpus)),
                bos_token_id=read_facts(paths.model(model)).bos_token_id,
                batch_sequences=engine.batch_sequences,
                update=bar.update,
            )
    proxy = asked.reconstruct.proxy
    asked.writer.publish({"proxy": proxy.name, "kind": proxy.kind, "splice": proxy.splice})
    n_tokens = (asked.n_sequences or 0) * token_ids.shape[1]
    say(f"losses of {proxy.name} at {n_tokens} tokens -> {asked.writer.final}")


def column(run: Run, name: str, decoder: Decoder, token_ids: Tensor) -> LossColumn:
    """One proxy and the writer of its losses, which finds what an earlier run has finished."""
    paths, model, corpus = run.paths, run.model, run.corpus
    proxy = parse_proxy(name, run.settings.splice)
    activations = Artifact.open(paths.activations(model, corpus))
    inputs = [activations.folder / MANIFEST, paths.codes(model, corpus) / MANIFEST]
    order = None
    if proxy.kind == "pool":
        order = Artifact.open(paths.atom_order(model)).read(0)["order"]
        inputs.append(paths.atom_order(model) / MANIFEST)
    reconstruct = Reconstructor(
        proxy, decoder.weight, decoder.bias, seed=run.settings.seed, atom_order=order
    )
    n_tokens = run.settings.grid.n_tokens(name, token_ids.numel())
    n_sequences = count_sequences(n_tokens, token_ids.shape[1])
    writer = run.writer(
        paths.losses(model, corpus, proxy.name),
        inputs=inputs,
        params={
            "proxy": proxy.name,
            "splice": proxy.splice,
            "seed": run.settings.seed,
            "n_sequences": n_sequences,
        },
        n_shards=n_shards_of(n_sequences, activations),
    )
    return LossColumn(reconstruct, writer, n_sequences)


def unwritten(run: Run, asked: str) -> list[str]:
    """The corpus's other proxies that have no losses yet and could be computed now."""
    paths, model, corpus, grid = run.paths, run.model, run.corpus, run.settings.grid
    ordered = (paths.atom_order(model) / MANIFEST).exists()
    return [
        name
        for name in grid.proxies(corpus)
        if name != asked
        and (name in grid.pool) <= ordered
        and not (paths.losses(model, corpus, name) / MANIFEST).exists()
    ]


if __name__ == "__main__":
    main()
