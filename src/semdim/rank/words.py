"""A ranking as text."""

from collections.abc import Iterator

from semdim.certificate.words import figure
from semdim.rank.table import Entry, Pair, RankTable


def lines(table: RankTable) -> Iterator[str]:
    """For a terminal."""
    yield heading(table)
    yield promise(table)
    width = max(len(entry.name) for entry in table.entries)
    yield f"  rank  interval  {'':<{width}}     L0  change of the loss, bits   capped"
    for entry in table.entries:
        yield (
            f"  {entry.rank:>4}  {ranks(entry):<8}  {entry.name:<{width}}  {entry.l0:5.1f}  "
            f"{of_interval(entry.faithfulness, entry.faithfulness_lower, entry.faithfulness_upper)}"
            f"  {of_interval(entry.capped, entry.capped_lower, entry.capped_upper)}"
        )
    n_certified = sum(pair.is_certified for pair in table.pairs)
    n_found = sum(pair.is_discovery for pair in table.pairs)
    yield (
        f"Of {len(table.pairs)} pairs, {n_certified} are certified in their order, and {n_found} "
        f"are discoveries, of which on average at most a share of "
        f"{table.settings.failure_prob:g} is false."
    )
    for one, other in zip(table.entries, table.entries[1:], strict=False):
        pair = table.pair(one.name, other.name)
        if not pair.is_certified:
            yield f"  {one.name} and {other.name}: {apart(pair)}"
    for skipped in table.skipped:
        yield f"  skipped {skipped.name}: {skipped.reason}"


def heading(table: RankTable) -> str:
    """What was measured on what, in a sentence."""
    of, n_saes = table.subject, len(table.entries)
    which = "window" if of.windows_per_document == 1 else f"{of.windows_per_document} windows"
    return (
        f"{n_saes} autoencoder{'s' if n_saes > 1 else ''} of {of.model} on "
        f"{table.n_documents:,} documents of {of.corpus} ({of.n_tokens_counted:,} tokens, the "
        f"first {which} of each document, {of.context} tokens long)"
    )


def promise(table: RankTable) -> str:
    """What claims and intervals promise, in a sentence."""
    return (
        f"With probability {1 - table.settings.failure_prob:.3g} or more over the draw of the "
        "documents, all intervals and all certified claims hold simultaneously."
    )


def ranks(entry: Entry) -> str:
    """The interval of a rank."""
    if entry.rank_first == entry.rank_last:
        return str(entry.rank_first)
    return f"{entry.rank_first}–{entry.rank_last}"


def of_interval(estimate: float, lower: float, upper: float) -> str:
    """An estimate and its interval, in bits."""
    ends = f"({figure(lower, 'bits')} to {figure(upper, 'bits')})"
    return f"{figure(estimate, 'bits')} {ends}"


def apart(pair: Pair) -> str:
    """What the sample says of two that it does not certify, and what it would take."""
    if pair.documents_needed is None:
        return "no difference on this sample"
    return (
        f"{figure(pair.difference, 'bits')} bits apart; about {pair.documents_needed:,.0f} "
        "documents would certify that"
    )
