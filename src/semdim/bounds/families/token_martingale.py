"""Family 11: the mean conditional risk of the contexts that were seen. A certificate, of that.

For the tokens t = 1 … n of the sample, in its order, let ℓ_t be the model's smoothed loss and
E[ℓ_t | past] its conditional mean given every token before t (earlier windows, and the window's own
tokens) and the layout of the sample. With probability at least 1 − δ,

    (1/n) Σ E[ℓ_t | past] ≤ (1/n) Σ ℓ_t + U,

with U of `semdim.bounds.martingale`. No two tokens or documents need to be independent, nor have
one law: the text may come from any process. In return it is **not** the risk on new documents: it
says how well the model would do, on average, if each next word of these very texts were drawn again
after what was read before it.

Lotfi et al. 2024 bound this kind of quantity for compressed models on their training set.
"""

from collections.abc import Iterator

import numpy as np

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare, paid_for
from semdim.bounds.family import BoundFacts, Family, Kind, register
from semdim.bounds.martingale import SOURCE, RunningSpread, upper_of_spread
from semdim.bounds.quantities import loss_ceiling, loss_floor
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.shares import Choices
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import common, tokens_of
from semdim.bounds.validation import check_values, divided
from semdim.errors import DataError

METHOD = "empirical_bernstein"
ASSUMPTIONS = (
    "the tokens are a draw from some process, of any dependence; what is bounded is the mean of "
    "the conditional risks at the contexts that were seen, not the risk on new documents",
    "which texts, how much of each and in which order was fixed without looking at the losses",
    "the model was frozen before the sample was drawn, without seeing it, and predicts a token "
    "from tokens before it alone",
)


def token_martingale(
    token_losses: np.ndarray,
    *,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    n_choices: Choices = 1,
) -> Bound:
    """Family 11 from smoothed losses of single tokens in the sample's order, bits.

    token_losses: [S, T − 1] or flat. `n_choices` predeclared points share δ, or it says the part
    of this one. Raises DataError for losses that are NaN, out of range, or not one for each
    prediction.
    """
    values = np.asarray(token_losses, dtype=np.float64).reshape(-1)
    if len(values) != size.n_units or size.unit != "token":
        raise DataError(
            f"Losses of tokens: {len(values)} values for {size.n_units} {size.unit}s; give one "
            "for each predicted token."
        )
    low, high = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    check_values(values, low, high, "losses")
    spread = float(RunningSpread(low, high).squares(values).sum())
    return of_sums(
        float(values.mean()),
        spread,
        size=size,
        vocab_size=vocab_size,
        smoothing=smoothing,
        failure_prob=failure_prob,
        n_choices=n_choices,
    )


def of_sums(
    risk: float,
    spread: float,
    *,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    n_choices: Choices = 1,
) -> Bound:
    """`token_martingale` from the mean of the losses, bits, and Σ (y − ŷ)² over them."""
    share = divided(failure_prob, n_choices)
    low, high = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    total = upper_of_spread(risk, spread, size.n_units, low, high, share)
    return Bound(
        family="token_martingale",
        is_certificate=True,
        subject="mean conditional risk of the model at the contexts of the sample",
        size=size,
        vocab_size=vocab_size,
        smoothing=smoothing,
        budget=Budget(
            failure_prob, (FailureShare(paid_for("the conditional risk", n_choices), share),)
        ),
        assumptions=ASSUMPTIONS,
        source=SOURCE,
        proxy_risk=risk,
        tail=total - risk,
        proxy="model",
        method=METHOD,
        dependence="martingale",
    )


def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """Of the model, over all predictions of the sample."""
    size = SampleSize(
        n_tokens=table.n_sequences * table.context,
        n_sequences=table.n_sequences,
        n_documents=len(np.unique(table.document)),
        unit="token",
        n_predictions=table.n_sequences * (table.context - 1),
        n_tokens_asked=table.n_tokens_asked,
    )
    settings = {"size": size, "n_choices": spec.shares.here, **common(table, facts, spec)}
    if table.spread is not None and "model" not in table.token_losses:
        risk = float(table.losses["model"].mean())  # every sequence has as many predictions
        yield of_sums(risk, float(table.spread.sum()), **settings)
    else:
        yield token_martingale(tokens_of(table, "model"), **settings)


register(
    Family(
        name="token_martingale",
        order=800,
        kinds=(
            Kind(
                name="token_martingale",
                number=11,
                words="the model's risk at the contexts that were seen, not on new documents",
                source=SOURCE,
                is_certificate=True,
            ),
        ),
        compute=compute,
        about="model",
        needs=lambda spec: ("model",),
        needs_tokens=lambda spec: ("model",),
        reads="sequences",
    )
)
