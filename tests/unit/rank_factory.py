"""Documents drawn from a law that is known exactly, and what a ranking keeps of them."""

import numpy as np

from semdim.rank.measured import Measured

TYPES = 200
"""Kinds of document, of which each is drawn alike often: the means of the law are exact."""


def law(n_saes: int, n_tied: int = 2, seed: int = 1) -> np.ndarray:
    """Changes of the loss by kind of document and autoencoder, [TYPES, n_saes], in [0, 1].

    The first ``n_tied`` have one mean and differ by document; the others follow at steps of .06.
    Documents have a level of their own, and a few are far out.
    """
    rng = np.random.default_rng(seed)
    level = rng.gamma(2.0, 0.06, TYPES)
    level[:4] = 0.7
    found = np.empty((TYPES, n_saes))
    own = rng.normal(0.0, 0.05, TYPES)
    for sae in range(n_saes):
        step = 0.06 * max(0, sae - n_tied + 1)
        if sae < n_tied:
            values = np.clip(level + 0.1 + np.roll(own, 17 * sae), 0.0, None)
            values *= 0.2 / values.mean()  # equal means, to the last digit or two
        else:
            values = level + 0.1 + step + rng.normal(0.0, 0.05, TYPES)
        found[:, sae] = np.clip(values, 0.0, 1.0)
    return found


def measured(values: np.ndarray, loss_range: float = 15.6) -> list[Measured]:
    """An autoencoder for each column of ``values`` [documents, saes]."""
    n = len(values)
    return [
        Measured(
            name=f"sae_{index}",
            key="key",
            sae_fingerprint="fingerprint",
            architecture="jumprelu",
            training_architecture="batchtopk" if index % 2 else None,
            dict_size=96 * (1 + index % 3),
            hook_name="blocks.1.hook_resid_post",
            stated_l0=60.0,
            n_tokens=16 * n,
            n_tokens_counted=16 * n,
            windows_per_document=1,
            loss_range=loss_range,
            explained_variance=0.9,
            document=tuple(range(n)),
            abs_gap=tuple(column.tolist()),
            change=tuple(column.tolist()),
            n_active=tuple((40.0 + 10 * index + column).tolist()),
            encode_seconds=1.0,
            loss_seconds=2.0,
        )
        for index, column in enumerate(values.T)
    ]
