"""Norms of the cached activations, and which of them are outliers."""

import torch
from torch import Tensor

from semdim.artifacts.shards import Artifact

OUTLIER_RATIO = 10.0  # a token is a norm outlier when ‖h‖ exceeds this many medians


def summarise_activations(activations: Artifact) -> dict[str, Tensor]:
    """Norms, the outliers among them, and the mean activation of the others.

    Position 0 is kept out of the median and the mean: on many models its norm is two orders of
    magnitude above the rest and would be all that a mean shows.

    Returns:
        ``norm`` [S, T]; ``is_outlier`` [S, T] (‖h‖ above ten medians of positions ≥ 1); ``mean``
        [d] over positions ≥ 1 without outliers; ``centred_norm`` [S, T], ‖h − mean‖.
    """
    norm = torch.cat([shard["activation"].float().norm(dim=-1) for shard in activations])
    is_outlier = norm > OUTLIER_RATIO * norm[:, 1:].median()
    regular = ~is_outlier
    regular[:, 0] = False
    total = torch.zeros(1, dtype=torch.float64)
    first = 0
    for shard in activations:
        activation = shard["activation"]
        mask = regular[first : first + len(activation)]
        total = total + activation[mask].double().sum(dim=0)
        first += len(activation)
    mean = (total / max(int(regular.sum()), 1)).float()
    centred = torch.cat(
        [(shard["activation"].float() - mean).norm(dim=-1) for shard in activations]
    )
    return {"norm": norm, "is_outlier": is_outlier, "mean": mean, "centred_norm": centred}
