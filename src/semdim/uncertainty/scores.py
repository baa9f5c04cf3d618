"""Every score that could tell unfamiliar input from familiar, under one sign convention.

**Higher = more out of distribution.** A score that is larger on familiar input is negated or turned
into its complement. A score says what it reads, whether it needs the label (the true next token, so
that it exists only after the fact), and whether it is defined at the last position of a sequence.

A score has one value per token. A sequence's value is the mean or the maximum over its tokens. A
two-sided score measures the distance to the ID mean *after* that: a sequence whose mean is unusual
stands out by |mean − ID mean of sequence means|, which a mean over |token − ID mean| would drown.

Scores computed from activations (``ACTIVATION_SCORES``) have tables of their own beside the ledger
(stage score_activations), which ``join.join_scores`` puts in as columns: a score more leaves the
ledger, and with it losses and bounds, as they are. A score of one's own joins in the same way, by a
column and a ``Score`` that reads it: ``run_study(..., scores=(*ALL_SCORES, mine))``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.errors import ConfigError, DataError


@dataclass(frozen=True)
class IdFit:
    """What scores may know about the ID corpus; made from its fit documents only."""

    unigram_bits: Float[np.ndarray, " vocab_size"]
    """−log2 of each token's smoothed frequency."""


def fit_unigram(
    token_id: Int[np.ndarray, " tokens"], vocab_size: int
) -> Float[np.ndarray, " vocab_size"]:
    """−log2 ((count + 1) / (n_tokens + vocab_size)): add-one smoothing, so every token has a cost.

    Raises ``DataError`` for a token id outside [0, vocab_size).
    """
    if token_id.size and not 0 <= token_id.min() <= token_id.max() < vocab_size:
        raise DataError(
            f"Token ids run from {token_id.min()} to {token_id.max()}; the vocabulary has "
            f"{vocab_size} tokens, numbered from 0."
        )
    count = np.bincount(token_id, minlength=vocab_size)
    return np.log2(token_id.size + vocab_size) - np.log2(count + 1.0)


@dataclass(frozen=True)
class Score:
    """One entry of the registry."""

    name: str
    """Name in tables and files."""
    meaning: str
    """What it measures, in one line."""
    family: Literal["code", "activation", "prediction", "input"]
    """What has to be computed to have it: the SAE's code, the activation at the hook point, the
    model's whole forward pass, or only the input token."""
    reads: tuple[str, ...]
    """Ledger columns."""
    value: Callable[[pd.DataFrame, IdFit], np.ndarray]
    """Token values, one per row of the table given, higher = more out of distribution."""
    uses_labels: bool = False
    """Whether it looks at the true next token."""
    at_last_position: bool = True
    """Whether it is defined at the last position, which predicts nothing."""
    two_sided: bool = False
    """Whether the distance to the ID mean is taken after aggregation."""


def column(name: str) -> Callable[[pd.DataFrame, IdFit], np.ndarray]:
    """The value of a ledger column as it stands."""
    return lambda rows, fit: rows[name].to_numpy(dtype=np.float64)


def _unigram_nll(rows: pd.DataFrame, fit: IdFit) -> np.ndarray:
    token_id = rows["token_id"].to_numpy()
    if token_id.size and not 0 <= token_id.min() <= token_id.max() < len(fit.unigram_bits):
        raise DataError(
            f"Token ids run from {token_id.min()} to {token_id.max()}; the vocabulary has "
            f"{len(fit.unigram_bits)} tokens, numbered from 0."
        )
    return fit.unigram_bits[token_id]


def _unexplained_share(rows: pd.DataFrame, fit: IdFit) -> np.ndarray:
    # Relative to the centred norm, as explained variance is: every activation shares a large mean
    # that the decoder's bias reproduces for nothing, and dividing by ‖h‖² would hide the rest.
    centred = rows["centred_norm"].to_numpy(dtype=np.float64)
    if (centred <= 0).any():
        raise DataError("A centred_norm in the ledger is not positive; it divides the error.")
    return (rows["reconstruction_error"].to_numpy(dtype=np.float64) / centred) ** 2


LEDGER_SCORES: tuple[Score, ...] = (
    Score(
        "n_active",
        "active atoms of the SAE's code, the paper's claim: more = unfamiliar",
        "code",
        ("n_active",),
        column("n_active"),
    ),
    Score(
        "n_active_two_sided",
        "|n_active − ID mean| / ID standard deviation: unusually many or unusually few atoms",
        "code",
        ("n_active",),
        column("n_active"),
        two_sided=True,
    ),
    Score(
        "unexplained_share",
        "‖h − S(h)‖² / ‖h − mean‖²: what the SAE leaves unexplained",
        "code",
        ("reconstruction_error", "centred_norm"),
        _unexplained_share,
    ),
    Score(
        "activation_norm",
        "‖h‖: longer = unfamiliar (no convention is established; below 0.5 means shorter)",
        "activation",
        ("activation_norm",),
        column("activation_norm"),
    ),
    Score(
        "activation_norm_two_sided",
        "|‖h‖ − ID mean| / ID standard deviation: unusually long or short",
        "activation",
        ("activation_norm",),
        column("activation_norm"),
        two_sided=True,
    ),
    Score(
        "one_minus_max_prob",
        "1 − the model's largest next-token probability",
        "prediction",
        ("max_prob",),
        lambda rows, fit: 1.0 - rows["max_prob"].to_numpy(dtype=np.float64),
        at_last_position=False,
    ),
    Score(
        "entropy",
        "entropy of the model's next-token distribution (bits)",
        "prediction",
        ("entropy",),
        column("entropy"),
        at_last_position=False,
    ),
    Score(
        "energy",
        "−logsumexp of the logits (nats): less total evidence = unfamiliar",
        "prediction",
        ("energy",),
        column("energy"),
        at_last_position=False,
    ),
    Score(
        "unigram_nll",
        "−log2 frequency of the input token in ID text: the trivial score that must be beaten",
        "input",
        ("token_id",),
        _unigram_nll,
    ),
    Score(
        "nll",
        "the model's loss on the true next token (bits): perplexity",
        "prediction",
        ("nll_model",),
        column("nll_model"),
        uses_labels=True,
        at_last_position=False,
    ),
)


ACTIVATION_SCORES: tuple[Score, ...] = (
    Score(
        "mahalanobis",
        "squared Mahalanobis distance of h under one Gaussian fitted on ID text",
        "activation",
        ("mahalanobis",),
        column("mahalanobis"),
    ),
    Score(
        "relative_mahalanobis",
        "the same to the nearest of several ID clusters, minus that under the one Gaussian",
        "activation",
        ("relative_mahalanobis",),
        column("relative_mahalanobis"),
    ),
    Score(
        "knn_distance",
        "distance of h/‖h‖ to its k-th nearest neighbour among ID tokens",
        "activation",
        ("knn_distance",),
        column("knn_distance"),
    ),
)

_FAMILIES = ("code", "activation", "prediction", "input")
#: All scores as tables and figures list them: by what they cost, those that need the label last.
ALL_SCORES: tuple[Score, ...] = tuple(
    sorted(
        (*LEDGER_SCORES, *ACTIVATION_SCORES),
        key=lambda score: (score.uses_labels, _FAMILIES.index(score.family)),
    )
)


def check_registry(scores: tuple[Score, ...]) -> None:
    """Raise ``ConfigError`` when two scores share a name or the paper's score is missing."""
    names = [score.name for score in scores]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"Two scores are called {', '.join(twice)}; names must be unique.")
    if "n_active" not in names:
        raise ConfigError("The study compares every score with n_active; it is not among them.")
