"""What docs/leaderboard.md says: answers with intervals, from docs/leaderboard and the record of
how its autoencoders were trained."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from semdim.rank.table import Pair, RankTable
from semdim.rank.words import heading, ranks
from semdim.rank.write import read_ranking
from semdim.reading import read_rows
from semdim.results.pages import Repository, part, table

RANKING, TRAINING = "docs/leaderboard", "docs/training/smollm2-135m_leaderboard.csv"
WIDTHS, L0S = (2304, 4608, 9216), (30, 60, 120)
BESIDES = 4608
"""The width at which architectures and seeds are compared."""
MAIN = "batchtopk"


@dataclass(frozen=True)
class Trained:
    """One autoencoder as it was trained."""

    name: str
    architecture: str
    width: int
    l0: int
    """The L0 that was aimed at, on calibration text."""
    seed: int

    @property
    def short(self) -> str:
        """What tells it from the others."""
        return f"{self.architecture}, m = {self.width:,}, L0 {self.l0}, seed {self.seed}"


class Board:
    """The ranking with what is known of the training of its autoencoders."""

    def __init__(self, root: Path) -> None:
        self.ranking: RankTable = read_ranking(root / RANKING)
        ranked = {entry.name for entry in self.ranking.entries}
        self.trained = [
            Trained(
                row["name"], row["architecture"], int(row["width"]), int(row["target_l0"]),
                int(row["seed"]),
            )
            for row in read_rows(root / TRAINING)
            if row["name"] in ranked
        ]  # fmt: skip

    @cached_property
    def seeds(self) -> list[Trained]:
        """The seeds of one setting."""
        return [one for one in self.trained if one.architecture == MAIN and self._is_cell(one, 60)]

    def others(self, l0: int) -> list[Trained]:
        """The other architectures at one width and L0."""
        return [one for one in self.trained if one.architecture != MAIN and self._is_cell(one, l0)]

    def by_width(self, l0: int) -> list[Trained]:
        """Of one architecture and the first seed, by width."""
        found = [
            one
            for one in self.trained
            if one.architecture == MAIN and one.l0 == l0 and one.seed == 0
        ]
        return sorted(found, key=lambda one: one.width)

    def missing(self) -> list[str]:
        """Cells of the grid that were not trained."""
        there = {(one.width, one.l0) for one in self.trained if one.architecture == MAIN}
        grid = [(width, l0) for width in WIDTHS for l0 in L0S]
        return [f"m = {width:,} at L0 {l0}" for width, l0 in grid if (width, l0) not in there]

    def pairs(self, groups: Iterable[tuple[Trained, Trained]]) -> list[Pair]:
        """The pairs of a ranking."""
        return [self.ranking.pair(a.name, b.name) for a, b in groups]

    def short(self, name: str) -> str:
        """An autoencoder's name in a table."""
        known = {one.name: one.short for one in self.trained}
        return known.get(name, f"{name} (shipped)")

    @staticmethod
    def _is_cell(one: Trained, l0: int) -> bool:
        return one.width == BESIDES and one.l0 == l0


@part("leaderboard")
def leaderboard(repository: Repository) -> str:
    """Every autoencoder, the most faithful first."""
    board = Board(repository.root)
    ranking = board.ranking
    rows = [
        (
            str(entry.rank), ranks(entry), board.short(entry.name), f"{entry.l0:.1f}",
            "–" if entry.explained_variance is None else f"{entry.explained_variance:.3f}",
            _interval(entry.faithfulness, entry.faithfulness_lower, entry.faithfulness_upper),
            _interval(entry.capped, entry.capped_lower, entry.capped_upper),
        )
        for entry in ranking.entries
    ]  # fmt: skip
    header = (
        "place", "rank", "autoencoder", "L0", "explained variance", "change of the loss, bits",
        "capped, bits",
    )  # fmt: skip
    n_certified = sum(pair.is_certified for pair in ranking.pairs)
    n_found = sum(pair.is_discovery for pair in ranking.pairs)
    capped = max(entry.share_capped for entry in ranking.entries)
    return "\n\n".join(
        [
            f"{heading(ranking)}; δ = {ranking.settings.failure_prob:g}.",
            table(header, rows),
            f"The order of {n_certified} of {len(ranking.pairs)} pairs is certified; discoveries "
            f"raise this to {n_found}. The cap of {ranking.settings.cap:g} bit touches at most "
            f"{capped:.1%} of the documents of any autoencoder.",
        ]
    )


@part("leaderboard_widths")
def widths(repository: Repository) -> str:
    """At equal L0, are wider ones more faithful?"""
    board = Board(repository.root)
    found = []
    for l0 in L0S:
        row = board.by_width(l0)
        found += [(a, b) for i, a in enumerate(row) for b in row[i + 1 :]]
    pairs = board.pairs(found)
    wider = [
        pair.is_certified and pair.better == b.name
        for pair, (_, b) in zip(pairs, found, strict=True)
    ]
    answer = _answer(
        wider,
        "Yes: in every pair the wider one is certified to be more faithful.",
        "No pair is certified in favour of the wider one.",
        "In {n} of {of} pairs the wider one is certified to be more faithful. In the others, only "
        "the interval of the difference is known.",
    )
    return "\n\n".join([answer, _pair_table(board, pairs)])


@part("leaderboard_architectures")
def architectures(repository: Repository) -> str:
    """Do architectures differ beyond seeds?"""
    board = Board(repository.root)
    seeds, spread = board.seeds, _spread(board)
    lines, pairs = [], []
    for other in board.others(60):
        against = board.pairs((seed, other) for seed in seeds)
        pairs += against
        l0s = [board.ranking[one.name].l0 for one in (other, *seeds)]
        ends = dict.fromkeys(f"{l0:.1f}" for l0 in (min(l0s[1:]), max(l0s[1:])))
        lines.append(
            _beyond(other, seeds, against, spread)
            + f" Its L0 here is {l0s[0]:.1f}; the seeds have {' to '.join(ends)}."
        )
    among = [
        (a, b)
        for l0 in L0S
        for i, a in enumerate(board.others(l0))
        for b in board.others(l0)[i + 1 :]
    ]
    text = (
        f"By the ends of the intervals below, two seeds of {MAIN} are at most {spread:.4f} bits "
        "apart. An architecture differs by more than seeds do if its difference from every seed is "
        "certified to be larger than that."
    )
    return "\n\n".join(
        [
            text,
            "\n".join(lines),
            f"Against the seeds of {MAIN} (m = {BESIDES:,}, L0 60):",
            _pair_table(board, pairs),
            f"Among the other architectures, at m = {BESIDES:,} and equal L0:",
            _pair_table(board, board.pairs(among)),
        ]
    )


@part("leaderboard_seeds")
def seeds(repository: Repository) -> str:
    """Do seeds differ beyond documents?"""
    board = Board(repository.root)
    one = board.seeds
    pairs = board.pairs((a, b) for i, a in enumerate(one) for b in one[i + 1 :])
    answer = _answer(
        [pair.is_certified for pair in pairs],
        "Yes: every pair of seeds is certified to differ.",
        "No: the documents do not distinguish any two of them. That does not mean that they are "
        f"equal. It means that they are at most {_spread(board):.4f} bits apart.",
        "{n} of {of} pairs of seeds are certified to differ.",
    )
    return "\n\n".join([answer, _pair_table(board, pairs)])


@part("leaderboard_documents")
def documents(repository: Repository) -> str:
    """How many documents does one need?"""
    board = Board(repository.root)
    ranking, rows = board.ranking, []
    neighbours = [
        ranking.pair(one.name, other.name)
        for one, other in zip(ranking.entries, ranking.entries[1:], strict=False)
    ]
    needed = sorted(pair.documents_needed or float("inf") for pair in ranking.pairs)
    for share in (0.25, 0.5, 0.75, 0.9):
        value = needed[min(len(needed) - 1, int(share * len(needed)))]
        rows.append((f"{share:.0%}", _count(value)))
    quantiles = table(("share of all pairs", "documents that would certify them"), rows)
    return "\n\n".join(
        [
            f"There are {ranking.n_documents:,} documents. The plan of "
            "[rank.md](rank.md#what-is-certified) gives, from the differences in this sample:",
            quantiles,
            "Neighbours in the ranking:",
            _pair_table(board, neighbours),
        ]
    )


@part("leaderboard_missing")
def missing(repository: Repository) -> str:
    """What was not trained."""
    cells = Board(repository.root).missing()
    if not cells:
        return "No cell of the grid is missing."
    return f"In the {MAIN} grid, {len(cells)} cells are yet to be trained: {', '.join(cells)}."


def _spread(board: Board) -> float:
    """The most that two seeds differ by, by the ends of their intervals."""
    one = board.seeds
    pairs = board.pairs((a, b) for i, a in enumerate(one) for b in one[i + 1 :])
    return max(max(abs(pair.lower), abs(pair.upper)) for pair in pairs)


def _beyond(other: Trained, seeds: Sequence[Trained], pairs: Sequence[Pair], spread: float) -> str:
    """Whether an architecture differs from every seed by more than seeds differ."""
    is_worse = all(pair.worse == other.name for pair in pairs)
    least = min(pair.lower for pair in pairs)
    estimate = min(pair.difference for pair in pairs)
    if is_worse and least > spread:
        return (
            f"* {other.architecture}: yes. It costs at least {least:.4f} bits more than any seed "
            f"of {MAIN}."
        )
    if all(pair.is_certified and pair.worse == other.name for pair in pairs):
        return (
            f"* {other.architecture}: it is certified to be less faithful than each of the "
            f"{len(seeds)} seeds, by {estimate:.4f} bits or more on this sample. Its intervals "
            f"guarantee only {least:.4f}, which is not more than seeds may differ by."
        )
    n_worse = sum(pair.is_certified and pair.worse == other.name for pair in pairs)
    n_better = sum(pair.is_certified and pair.better == other.name for pair in pairs)
    return (
        f"* {other.architecture}: not shown. It is certified to be less faithful than {n_worse} "
        f"and more faithful than {n_better} of the {len(seeds)} seeds."
    )


def _answer(holds: Sequence[bool], every: str, none: str, some: str) -> str:
    if all(holds):
        return every
    return some.format(n=sum(holds), of=len(holds)) if any(holds) else none


def _pair_table(board: Board, pairs: Sequence[Pair]) -> str:
    header = (
        "more faithful", "less faithful", "difference, bits", "share of documents", "status",
        "documents needed",
    )  # fmt: skip
    rows = [
        (
            board.short(pair.better), board.short(pair.worse),
            _interval(pair.difference, pair.lower, pair.upper), f"{pair.share_of_documents:.0%}",
            _worth(pair), _count(pair.documents_needed or float("inf")),
        )
        for pair in pairs
    ]  # fmt: skip
    return table(header, rows)


def _worth(pair: Pair) -> str:
    if pair.is_certified:
        return "certified"
    return "discovery" if pair.is_discovery else "not shown"


def _count(value: float) -> str:
    return "–" if value == float("inf") else f"{value:,.0f}"


def _interval(estimate: float, lower: float, upper: float) -> str:
    return f"{estimate:.4f} ({lower:.4f} to {upper:.4f})".replace("-", "−")
