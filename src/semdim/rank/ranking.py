"""Per-document values of several autoencoders in, claims with intervals out. Pure."""

from collections.abc import Sequence

import numpy as np

from semdim.bounds.validation import check_values
from semdim.certificate.intervals import student, two_sided
from semdim.errors import DataError
from semdim.rank.measured import Measured, Skipped, Subject
from semdim.rank.order import as_matrix, closure, e_bh, holm, off_diagonal, rank_intervals
from semdim.rank.pairwise import Tests, documents_needed, pairwise_tests
from semdim.rank.spec import SHARES, RankSpec
from semdim.rank.table import Entry, Pair, RankTable


def rank_table(
    measured: Sequence[Measured],
    spec: RankSpec,
    *,
    subject: Subject | None = None,
    skipped: Sequence[Skipped] = (),
) -> RankTable:
    """Rank autoencoders that were measured on the same documents.

    Raises:
        DataError: there are none, their documents differ, or values are out of range.
    """
    from semdim import __version__

    documents = _same_documents(measured)
    full = np.array([one.abs_gap for one in measured], dtype=np.float64).T
    loss_range = measured[0].loss_range
    check_values(full.ravel(), 0.0, loss_range, "changes of the loss")
    cap = min(spec.cap, loss_range)
    capped = np.minimum(full, cap)
    order = np.argsort(capped.mean(axis=0), kind="stable")
    measured = [measured[place] for place in order]
    full, capped = full[:, order], capped[:, order]
    n_saes = len(measured)
    tests = pairwise_tests(capped, cap, spec.share("order"), spec.bet_cap)
    certified = closure(as_matrix(holm(off_diagonal(tests.p), spec.share("order")), n_saes))
    certified &= ~certified.T  # claims that contradict each other are not made
    found = as_matrix(e_bh(off_diagonal(tests.e), spec.failure_prob), n_saes)
    ranks = rank_intervals(certified)
    entries = tuple(
        _entry(one, full[:, i], capped[:, i], cap, spec, n_saes, i + 1, ranks[i])
        for i, one in enumerate(measured)
    )
    return RankTable(
        semdim_version=__version__,
        subject=subject or Subject(),
        settings=spec,
        n_documents=len(documents),
        loss_range=loss_range,
        entries=entries,
        pairs=_pairs(measured, capped, cap, spec, tests, certified, found),
        skipped=tuple(skipped),
        budget={name: spec.share(name) for name in SHARES},
    )


def _same_documents(measured: Sequence[Measured]) -> tuple[int, ...]:
    if not measured:
        raise DataError("There is nothing to rank, because no autoencoder could be measured.")
    first = measured[0]
    for other in measured[1:]:
        same = other.document == first.document and other.n_tokens == first.n_tokens
        if not same or other.loss_range != first.loss_range:
            raise DataError(
                f"{first.name} and {other.name} were not measured on the same documents: measure "
                "them again."
            )
    return first.document


def _entry(
    one: Measured,
    full: np.ndarray,
    capped: np.ndarray,
    cap: float,
    spec: RankSpec,
    n_saes: int,
    rank: int,
    ranks: np.ndarray,
) -> Entry:
    lower, upper = two_sided(
        full, 0.0, one.loss_range, spec.share("faithfulness") / n_saes, spec.bet_cap
    )
    capped_lower, capped_upper = two_sided(
        capped, 0.0, cap, spec.share("capped") / n_saes, spec.bet_cap
    )
    l0 = np.array(one.n_active)
    l0_lower, l0_upper = student(l0, spec.failure_prob)
    return Entry(
        name=one.name,
        architecture=one.training_architecture or one.architecture,
        dict_size=one.dict_size,
        hook_name=one.hook_name,
        l0=float(l0.mean()),
        l0_lower=max(0.0, l0_lower),
        l0_upper=l0_upper,
        stated_l0=one.stated_l0,
        explained_variance=one.explained_variance,
        faithfulness=float(full.mean()),
        faithfulness_lower=lower,
        faithfulness_upper=upper,
        capped=float(capped.mean()),
        capped_lower=capped_lower,
        capped_upper=capped_upper,
        share_capped=float((full > cap).mean()),
        rank=rank,
        rank_first=int(ranks[0]),
        rank_last=int(ranks[1]),
    )


def _pairs(
    measured: Sequence[Measured],
    capped: np.ndarray,
    cap: float,
    spec: RankSpec,
    tests: Tests,
    certified: np.ndarray,
    found: np.ndarray,
) -> tuple[Pair, ...]:
    first, second = np.triu_indices(len(measured), 1)
    differences = (capped[:, second] - capped[:, first]).T
    share = spec.share("differences") / max(len(first), 1)
    needed = documents_needed(
        differences, cap, tests.n_hypotheses, spec.share("order"), spec.bet_cap
    )
    pairs = []
    for row, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        d = differences[row]
        if certified[b, a]:  # against the sample's means: bets depend on the documents' order
            a, b, d = b, a, -d
        lower, upper = two_sided(d, -cap, cap, share, spec.bet_cap)
        pairs.append(
            Pair(
                better=measured[a].name,
                worse=measured[b].name,
                difference=float(d.mean()),
                lower=lower,
                upper=upper,
                p=float(tests.p[a, b]),
                e=float(tests.e[a, b]),
                is_certified=bool(certified[a, b]),
                is_discovery=bool(found[a, b]),
                share_of_documents=float((d > 0).mean() + 0.5 * (d == 0).mean()),
                documents_needed=float(needed[row]) if np.isfinite(needed[row]) else None,
            )
        )
    return tuple(pairs)
