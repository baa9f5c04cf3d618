"""fit_activations: what familiar activations look like, from the sample's fit documents alone."""

import numpy as np

from semdim.artifacts.shards import MANIFEST
from semdim.models.facts import read_facts
from semdim.tokens.sample import bos_mask, load_tokens
from semdim.uncertainty.activation_scores import TokenShards, fit_activations
from semdim.uncertainty.refits import refit_draws
from semdim.uncertainty.rows import fit_split
from semdim.uncertainty.spec import UncertaintySpec
from stages.support.load import open_activations
from stages.support.run import Run, say
from stages.support.startup import stage

FIELDS = ("fit_share", "n_clusters", "neighbour", "neighbour_tokens", "n_refits")


@stage
def main(run: Run) -> None:
    sample, seed = run.setting("grid.sample"), run.setting("seed")
    spec = run.read("uncertainty", UncertaintySpec, FIELDS)
    activations = open_activations(run, sample)
    tokens = run.paths.tokens(run.model, sample)
    token_ids, document = load_tokens(tokens)
    split = fit_split(document.numpy(), spec.fit_share, seed)
    of_fit = np.isin(document.numpy(), split.fit)[:, None]
    is_bos = bos_mask(token_ids, read_facts(run.paths.model(run.model)).bos_token_id).numpy()
    chosen = of_fit & ~is_bos
    fit = fit_activations(TokenShards(activations, chosen), spec, seed)
    writer = run.writer(
        run.paths.activation_fit(run.model, run.hook),
        inputs=[activations.folder / MANIFEST, tokens / MANIFEST],
        params=[*(getattr(spec, name) for name in FIELDS), seed],
        n_shards=1 + spec.n_refits,
    )
    writer.write(0, fit.tensors())
    refits, number = [], np.searchsorted(split.fit, document.numpy()) % len(split.fit)
    for index, draw in enumerate(refit_draws(len(split.fit), spec.n_refits, seed)):
        refit = fit_activations(TokenShards(activations, chosen, draw[number]), spec, seed)
        writer.write(1 + index, refit.tensors())
        refits.append(refit.facts())
    found = {"sample": sample, "fit_documents": split.fit.tolist(), **fit.facts()}
    writer.publish(found | {"refits": refits})
    say(
        f"{fit.n_tokens} tokens of {len(split.fit)} documents, {fit.n_outliers} norm outliers left "
        f"out; shrinkage {fit.overall.shrinkage:.2g} -> {writer.final}"
    )


if __name__ == "__main__":
    main()
