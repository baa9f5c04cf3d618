"""All bound families of one sample over the grid of N: what the pipeline writes to bounds.csv."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from semdim.bounds.aggregate import LOSS_PREFIX, SequenceTable, sequence_losses
from semdim.bounds.candidates import for_each_candidate
from semdim.bounds.family import BoundFacts, Family, families, needed_proxies, needed_tokens
from semdim.bounds.needed import by_list
from semdim.bounds.result import Bound
from semdim.bounds.sample import LEAST_DOCUMENTS, Sample, sample_of
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import WINDOWS_LEFT_OPEN, with_what_is_known
from semdim.errors import ConfigError, DataError
from semdim.failures import reason_of
from semdim.ledger.rows import Rows

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class LeftOut:
    """A family that the sample does not allow, at one N and α."""

    family: str
    """Name of the family, as it is registered."""
    n_tokens: int
    """N of the grid, in tokens."""
    smoothing: float
    """α."""
    reason: str
    """Why, in a sentence."""

    def __str__(self) -> str:
        return f"{self.family} at N = {self.n_tokens}, α = {self.smoothing:g}: {self.reason}"


@dataclass(frozen=True)
class Assembled:
    """What was computed, and what could not be."""

    bounds: tuple[Bound, ...]
    """By α, then N, then family, in the order of bounds.csv."""
    left_out: tuple[LeftOut, ...] = ()
    """Families that the sample does not allow; the others are not touched by it."""


def assemble_ledger(
    ledger: Rows,
    facts: BoundFacts,
    spec: BoundSpec,
    *,
    max_rank: "np.ndarray | None" = None,
) -> list[Bound]:
    """`assemble_all` where every family is wanted.

    Raises:
        DataError: the sample does not allow one of them.
    """
    found = assemble_all(ledger, facts, spec, max_rank=max_rank)
    if found.left_out:
        raise DataError(f"A bound family cannot be computed: {found.left_out[0]}")
    return list(found.bounds)


def assemble_all(
    ledger: Rows,
    facts: BoundFacts,
    spec: BoundSpec,
    *,
    max_rank: "np.ndarray | None" = None,
) -> Assembled:
    """`assemble` from the ledger's rows, at every value of α.

    max_rank: largest atom rank per sequence, [S]; the pool families need it
    (`semdim.bounds.calibration`). Raises what `sequence_losses` and `assemble` raise.
    """
    proxies = needed_proxies(spec)
    columns = [name for name in ledger.columns if name.startswith(LOSS_PREFIX)]
    _check_computed(proxies, [name.removeprefix(LOSS_PREFIX) for name in columns])
    parts = []
    for smoothing in spec.smoothings:
        table = sequence_losses(
            ledger,
            proxies,
            smoothing,
            facts.vocab_size,
            keep_tokens=spec.unit == "token" or needed_tokens(spec),
        )
        if max_rank is not None:
            table = table.with_max_rank(max_rank)
        parts.append(assemble(table, facts, spec))
    return Assembled(
        tuple(bound for part in parts for bound in part.bounds),
        tuple(entry for part in parts for entry in part.left_out),
    )


def assemble(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Assembled:
    """Every family that `spec` asks for, over its grid of N, in a fixed order, at the table's α.

    A family that raises whatever is no `ConfigError` is left out at that N, and so is one about
    documents where N covers fewer than two. Raises ConfigError when a proxy
    that `spec` names has no losses in the table, or a family cannot work with these settings;
    DataError when an N is beyond the sample (nothing is clipped), or when the sample does not hold
    as many windows of a document as `spec` asks for.
    """
    _check_computed(needed_proxies(spec), table.proxies)
    if table.vocab_size != facts.vocab_size:
        raise ConfigError(
            f"Losses were smoothed with V = {table.vocab_size}, the model has {facts.vocab_size}."
        )
    sample = sample_of(table, facts, spec)
    jobs = list(_jobs(table.smoothing, spec))
    parts = {n_tokens: sample.at(n_tokens) for n_tokens in {n for _, n in jobs}}
    bounds: list[Bound] = []
    left_out = []
    for family, n_tokens in jobs:
        point = spec.at(
            n_tokens,
            table.smoothing,
            every_size=family.at == "every N",
            every_smoothing=family.smoothings == "every α",
        )
        found, reason = _computed(family, parts[n_tokens], facts, point)
        bounds += found
        if reason:
            left_out.append(LeftOut(family.name, n_tokens, table.smoothing, reason))
    return Assembled(tuple(bounds), tuple(left_out))


def _computed(
    family: Family, part: Sample, facts: BoundFacts, spec: BoundSpec
) -> tuple[list[Bound], str]:
    """The bounds of a family, or none and why it is left out."""
    table = part.documents if family.reads == "documents" else part.sequences
    few = ""
    if family.reads == "documents" and part.n_documents < LEAST_DOCUMENTS:
        few = (
            f"this N covers {part.n_documents} of the documents with all their windows, and a "
            f"variance needs at least {LEAST_DOCUMENTS}; raise N."
        )
    compute = for_each_candidate(family.compute) if family.pays_for_candidates else family.compute
    try:  # computed even then: a family of which nothing is asked is not left out
        found = _declared(family, compute(table, facts, spec), facts)
    except ConfigError:
        raise
    except Exception as error:  # a plugin may raise anything
        return [], few or reason_of(error)
    return ([], few) if few and found else (found, "")


def _jobs(smoothing: float, spec: BoundSpec) -> Iterator[tuple[Family, int]]:
    """What is computed at an α: every family of every N, then those of the largest N. A point of a
    sweep computes the latter only if the sweep's largest N is its own."""
    found = [f for f in families() if f.smoothings == "every α" or smoothing == spec.smoothing]
    sizes = [n for n in spec.declared.sizes_at(smoothing) if n in spec.n_tokens]
    for n_tokens in sizes:
        yield from ((family, n_tokens) for family in found if family.at == "every N")
    if spec.declared.sizes[-1] in sizes:
        yield from ((family, sizes[-1]) for family in found if family.at == "largest N")


def _check_computed(needed: Iterable[str], there: Iterable[str]) -> None:
    """Refuse bounds that need the losses of a proxy which is not `there`.

    Raises:
        ConfigError: naming what is missing, and where to ask for it.
    """
    known = tuple(there)
    missing = [name for name in needed if name not in known]
    if not missing:
        return
    lists = by_list(missing).items()
    where = " and ".join(f"{', '.join(names)} to grid.{key}" for key, names in lists)
    raise ConfigError(
        f"The bounds need the losses of {', '.join(missing)}, but there are only those of "
        f"{', '.join(known)}. Add {where}, or remove them from bound."
    )


def _declared(family: Family, bounds: Iterable[Bound], facts: BoundFacts) -> list[Bound]:
    """The bounds of a family, refused when its registration promises less than they claim."""
    found = list(bounds)
    known = {kind.name: kind for kind in family.kinds}
    for bound in found:
        if bound.family not in known:
            raise ConfigError(
                f"The bound family {family.name} gives rows called {bound.family!r}, but is "
                f"registered with {', '.join(known)}: add the name to its kinds."
            )
        if bound.is_certificate and not known[bound.family].is_certificate:
            raise ConfigError(
                f"The bound family {family.name} is registered as not a certificate, but a row "
                f"called {bound.family!r} claims to be one: correct one of the two."
            )
        known[bound.family].check(bound)
    return [_with_open_windows(_with_what_is_known(bound, facts)) for bound in found]


def _with_what_is_known(bound: Bound, facts: BoundFacts) -> Bound:
    """What is known of the sample takes the place of what had to be assumed."""
    found = with_what_is_known(bound.assumptions, facts.independence)
    return bound if found == bound.assumptions else replace(bound, assumptions=found)


def _with_open_windows(bound: Bound) -> Bound:
    """A certificate says that its W was left open to the sample, where it was."""
    windows = bound.size.windows
    if not bound.is_certificate or windows is None or windows.is_set:
        return bound
    words = WINDOWS_LEFT_OPEN.format(windows.per_document)
    return replace(bound, assumptions=(*bound.assumptions, words))
