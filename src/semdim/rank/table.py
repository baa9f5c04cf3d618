"""A ranking as a value: its entries, its pairs, its promise."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from semdim.errors import ConfigError
from semdim.rank.measured import Skipped, Subject
from semdim.rank.order import neighbours
from semdim.rank.spec import RankSpec
from semdim.records import KEY, from_content, to_plain


@dataclass(frozen=True)
class Entry:
    """One autoencoder of a ranking."""

    name: str
    """What the ranking calls it."""
    architecture: str
    """What it was trained as, where that is known; else what it encodes with."""
    dict_size: int
    """m: its atoms."""
    hook_name: str
    """Where it reads the residual stream."""
    l0: float
    """Mean active atoms at a token that is not special."""
    l0_lower: float
    """Approximate interval of it at δ (Student's t)."""
    l0_upper: float
    """Its other end."""
    stated_l0: float | None
    """What its card states."""
    explained_variance: float | None
    """Of the sample's tokens that are neither special nor norm outliers."""
    faithfulness: float
    """Mean |change of a window's loss|, bits; smaller is better."""
    faithfulness_lower: float
    """Certified interval of it; all autoencoders' hold at once."""
    faithfulness_upper: float
    """Its other end."""
    capped: float
    """The same with no document counted for more than c bits: what the order is of."""
    capped_lower: float
    """Certified interval of it; all autoencoders' hold at once."""
    capped_upper: float
    """Its other end."""
    share_capped: float
    """Documents that are counted with c bits instead of more."""
    rank: int
    """Its place by the sample's capped mean, 1 is the best."""
    rank_first: int
    """Best rank that the certified claims leave it."""
    rank_last: int
    """Worst rank that they leave it; all autoencoders' intervals hold at once."""


@dataclass(frozen=True)
class Pair:
    """Two autoencoders: the one that is certified to be more faithful first, or where neither is
    the one with the smaller capped mean."""

    better: str
    """The first of the two."""
    worse: str
    """The other."""
    difference: float
    """Capped mean of ``worse`` minus that of ``better``, bits."""
    lower: float
    """Certified interval of the true difference; all pairs' hold at once."""
    upper: float
    """Its other end."""
    p: float
    """One-sided betting p-value of "better is not more faithful"."""
    e: float
    """Its e-value."""
    is_certified: bool
    """Whether ``better`` is more faithful at the family-wise level (Holm, and what follows)."""
    is_discovery: bool
    """Whether it is among the claims of which a share δ at most is false on average (e-BH)."""
    share_of_documents: float
    """Documents that ``better`` changes less than ``worse``; equal ones count half."""
    documents_needed: float | None
    """About how many documents would certify it (`semdim.rank.pairwise.documents_needed`); None:
    the sample shows no difference."""


@dataclass(frozen=True)
class RankTable:
    """Several autoencoders of one model, ranked on one text.

    With probability 1 − δ at least all of these hold at once: every certified claim about a pair
    and every interval of a rank, of a difference, of faithfulness and of capped faithfulness. The
    discoveries are another promise: a share δ of them at most is false, on average.
    """

    SCHEMA: ClassVar[str] = "rank/1"
    WRITTEN_BY: ClassVar[str] = "`semdim rank`"

    semdim_version: str
    """Of the package that made it."""
    subject: Subject
    """What was measured on what."""
    settings: RankSpec
    """What was asked for."""
    n_documents: int
    """Documents behind every number."""
    loss_range: float
    """Δ, bits."""
    entries: tuple[Entry, ...]
    """Autoencoders, the most faithful of the sample first."""
    pairs: tuple[Pair, ...]
    """All pairs, in the order of the entries."""
    skipped: tuple[Skipped, ...]
    """What could not be measured, with the reason."""
    budget: dict[str, float]
    """δ by what it pays for."""

    def __getitem__(self, name: str) -> Entry:
        """An autoencoder by its name.

        Raises:
            ConfigError: it is not in the ranking.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise ConfigError(
            f"The ranking has no {name!r}: it has {', '.join(e.name for e in self.entries)}."
        )

    def pair(self, one: str, other: str) -> Pair:
        """A pair by its names, in either order.

        Raises:
            ConfigError: one of them is not in the ranking, or they are one.
        """
        for pair in self.pairs:
            if {pair.better, pair.worse} == {one, other} and one != other:
                return pair
        raise ConfigError(f"The ranking has no pair of {one!r} and {other!r}.")

    @property
    def better(self) -> np.ndarray:
        """The certified claims, [K, K] in the order of the entries: row before column."""
        index = {entry.name: place for place, entry in enumerate(self.entries)}
        found = np.zeros((len(index), len(index)), dtype=bool)
        for pair in self.pairs:
            found[index[pair.better], index[pair.worse]] = pair.is_certified
        return found

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The lines of the Hasse diagram of the certified order."""
        names = [entry.name for entry in self.entries]
        return [(names[a], names[b]) for a, b in np.argwhere(neighbours(self.better))]

    def to_json(self) -> str:
        """As rank.json holds it."""
        content = {KEY: self.SCHEMA, **to_plain(self)}
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_content(cls, content: Any, where: str) -> "RankTable":
        """Read what `to_json` wrote, parsed.

        Raises:
            ArtifactError: another schema, or a value of another type.
        """
        return from_content(content, cls, where)

    def __str__(self) -> str:
        from semdim.rank.words import lines

        return "\n".join(lines(self))
