"""fit_activations: what familiar activations look like, from the sample's fit documents alone."""

import numpy as np

from semdim.artifacts.hashing import source_digest
from semdim.models.facts import read_facts
from semdim.tokens.sample import bos_mask, load_tokens
from semdim.uncertainty.activation_scores import TokenShards, fit_activations
from semdim.uncertainty.rows import fit_split
from stages.common import Run, say, stage
from stages.loading import open_activations


@stage
def main(run: Run) -> None:
    paths, model, sample = run.paths, run.model, run.settings.grid.sample
    spec, seed, out = run.settings.uncertainty, run.settings.seed, paths.activation_fit(model)
    activations = open_activations(run, sample)
    tokens = paths.tokens(model, sample)
    token_ids, document = load_tokens(tokens)
    split = fit_split(document.numpy(), spec.fit_share, seed)
    of_fit = np.isin(document.numpy(), split.fit)[:, None]
    is_bos = bos_mask(token_ids, read_facts(paths.model(model)).bos_token_id).numpy()
    fit = fit_activations(TokenShards(activations, of_fit & ~is_bos), spec, seed)
    writer = run.writer(
        out,
        inputs=[activations.folder / "manifest.json", tokens / "manifest.json"],
        params=[
            spec.fit_share, spec.n_clusters, spec.neighbour_tokens, spec.neighbour, seed,
            source_digest("semdim.uncertainty.activation_scores", "semdim.uncertainty.distances"),
        ],
        n_shards=1,
    )  # fmt: skip
    writer.write(0, fit.tensors())
    writer.publish({"sample": sample, "fit_documents": split.fit.tolist(), **fit.facts()})
    say(
        f"{fit.n_tokens} tokens of {len(split.fit)} documents, {fit.n_outliers} norm outliers left "
        f"out; shrinkage {fit.overall.shrinkage:.2g} -> {out}"
    )


if __name__ == "__main__":
    main()
