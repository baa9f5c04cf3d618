"""Does risk grow with k, token by token? Rank correlations, and the mean loss by bins of k.

The paper reads its bound input by input: a text with more active atoms has a looser guarantee, as
√k. This module sets what that predicts beside what happens. Nothing here is a certificate; the
intervals come from resampling documents.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from semdim.bounds.published_terms import published_terms
from semdim.bounds.result import Bound
from semdim.errors import DataError
from semdim.ledger.rows import EXACT_ROWS, Rows, first_documents, stretches
from semdim.results.k_and_loss import Correlation, KAndLoss, KBin
from semdim.tokens.positions import counted_mask

if TYPE_CHECKING:
    import pandas as pd

N_BINS, N_RESAMPLES, CONFIDENCE = 10, 300, 0.95
_PREDICTORS = ("n_active", "entropy")


RANKED_TOKENS = EXACT_ROWS
"""Of a sample of more tokens, its first documents with about so many are looked at."""
_COLUMNS = ("document", "sequence", "position", "is_bos", "nll_model", "n_active", "entropy")


def k_and_loss(
    ledger: Rows, published: Bound | None, *, seed: int, most: int = RANKED_TOKENS
) -> KAndLoss:
    """What k of a token says about the loss of the one that follows.

    Args:
        ledger: rows of the sample; special positions, and those that predict nothing, are left out.
        published: the bound as published at the largest N, whose value at the mean k of each bin
            is what the paper's per-input reading predicts; None: it was not computed.
        seed: of the resampling.
        most: tokens; where the ledger has more, the documents with the smallest numbers that have
            so many together are read, and the result says how many there are.

    Raises:
        DataError: no token is left, or all are of one document.
    """
    rows = _first_documents(ledger, most)
    _, document = np.unique(rows["document"].to_numpy(), return_inverse=True)
    n_documents = int(document.max()) + 1 if len(document) else 0
    if n_documents < 2:
        raise DataError(
            f"k and the loss are compared over documents, but only {n_documents} have a predicted "
            "token; give two or more."
        )
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_documents, np.full(n_documents, 1 / n_documents), size=N_RESAMPLES)
    nll = rows["nll_model"].to_numpy(dtype=np.float64)
    sequence = rows["sequence"].to_numpy()
    correlations = tuple(
        _correlation(name, rows[name].to_numpy(dtype=np.float64), nll, sequence, document, drawn)
        for name in _PREDICTORS
        if name in rows
    )
    bins = _bins(rows["n_active"].to_numpy(dtype=np.int64), nll, document, drawn, published)
    return KAndLoss(
        n_tokens=len(rows),
        n_sequences=len(np.unique(sequence)),
        n_documents=n_documents,
        n_resamples=N_RESAMPLES,
        confidence=CONFIDENCE,
        correlations=correlations,
        bins=bins,
    )


def _first_documents(ledger: Rows, most: int) -> "pd.DataFrame":
    """The rows that count and predict, of all documents or the first ones."""
    import pandas as pd

    columns = [name for name in _COLUMNS if name in ledger.columns]
    last = first_documents(ledger, most)
    found = []
    for rows in stretches(ledger, columns):
        chosen = counted_mask(rows["is_bos"].to_numpy(dtype=bool), rows["position"])
        chosen &= rows["nll_model"].notna()
        found.append(rows[chosen if last is None else chosen & (rows["document"] <= last)])
    return found[0] if len(found) == 1 else pd.concat(found, ignore_index=True)


class _Ranks:
    """Mid-ranks of values [n] under any whole-number weights, the sorting done once."""

    def __init__(self, values: Float[np.ndarray, " n"]) -> None:
        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        self.first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        self.group = np.empty(len(values), dtype=np.int64)
        self.group[self.order] = np.repeat(
            np.arange(len(self.first)), np.diff(np.r_[self.first, len(values)])
        )

    def of(self, weight: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The rank of each value in the sample that holds it ``weight`` times."""
        tied = np.add.reduceat(weight[self.order], self.first)
        return (np.cumsum(tied) - tied / 2)[self.group]


def _weighted(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Pearson's correlation; NaN when one of the two is constant."""
    total = weight.sum()
    x, y = x - (weight @ x) / total, y - (weight @ y) / total
    spread = float((weight @ (x * x)) * (weight @ (y * y)))
    return float(weight @ (x * y)) / spread**0.5 if spread > 0 else float("nan")


def spearman(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> float:
    """Spearman's rank correlation, ties at mid-ranks; NaN when one of the two is constant."""
    once = np.ones(len(x))
    return _weighted(_Ranks(x).of(once), _Ranks(y).of(once), once)


def _correlation(
    name: str,
    values: Float[np.ndarray, " tokens"],
    nll: Float[np.ndarray, " tokens"],
    sequence: Int[np.ndarray, " tokens"],
    document: Int[np.ndarray, " tokens"],
    drawn: Int[np.ndarray, "resamples documents"],
) -> Correlation:
    x, y = _Ranks(values), _Ranks(nll)
    resampled = []
    for counts in drawn:
        weight = counts[document].astype(np.float64)
        resampled.append(_weighted(x.of(weight), y.of(weight), weight))
    starts = np.flatnonzero(np.r_[True, sequence[1:] != sequence[:-1]])[1:]
    parts = zip(np.split(values, starts), np.split(nll, starts), strict=True)
    within = np.array([spearman(of_x, of_y) for of_x, of_y in parts])
    within = within[np.isfinite(within)]
    low, high = _interval(np.array(resampled))
    return Correlation(
        predictor=name,
        spearman=_number(spearman(values, nll)),
        low=low,
        high=high,
        negative_sequences=float((within < 0).mean()) if len(within) else None,
    )


def _bins(
    k: Int[np.ndarray, " tokens"],
    nll: Float[np.ndarray, " tokens"],
    document: Int[np.ndarray, " tokens"],
    drawn: Int[np.ndarray, "resamples documents"],
    published: Bound | None,
) -> tuple[KBin, ...]:
    """Bins of about equal count, cut at whole numbers; fewer where one k has many tokens."""
    quantiles = np.quantile(k, np.arange(1, N_BINS) / N_BINS, method="inverted_cdf")
    inner = np.unique(quantiles[quantiles < k.max()])
    member = np.searchsorted(inner, k, side="left")
    found = []
    for index in range(len(inner) + 1):
        inside: Bool[np.ndarray, " tokens"] = member == index
        n_documents = drawn.shape[1]
        count = np.bincount(document[inside], minlength=n_documents).astype(np.float64)
        total = np.bincount(document[inside], weights=nll[inside], minlength=n_documents)
        n_drawn = drawn @ count
        means = (drawn @ total)[n_drawn > 0] / n_drawn[n_drawn > 0]
        low, high = _interval(means)
        mean_k = float(k[inside].mean())
        found.append(
            KBin(
                least_k=int(k[inside].min()),
                largest_k=int(k[inside].max()),
                mean_k=mean_k,
                n_tokens=int(inside.sum()),
                nll=float(nll[inside].mean()),
                low=low,
                high=high,
                per_input=per_input(published, mean_k),
            )
        )
    return tuple(found)


def per_input(published: Bound | None, k: float) -> float | None:
    """The paper's per-input statement, bits per token: the bound as published with the k of the
    input in place of the mean. Not a certificate: k is a function of the input, and the terms with
    k are the price of a class of proxies, which no input changes. None for k = 0."""
    if published is None or published.dict_size is None or not k > 0:
        return None
    terms = published_terms(
        n_active=k,
        dict_size=published.dict_size,
        n_tokens=published.size.n_tokens,
        vocab_size=published.vocab_size,
        smoothing=published.smoothing,
        failure_prob=published.budget.failure_prob,
    )
    measured = (published.proxy_risk or 0.0) + (published.gap or 0.0)
    return measured + terms.complexity + terms.tail


def _interval(values: np.ndarray) -> tuple[float | None, float | None]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None, None
    low, high = np.quantile(finite, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
