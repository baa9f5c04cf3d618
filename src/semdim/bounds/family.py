"""What a family of bounds is, and the registry of those that there are.

A family is a file of `semdim.bounds.families`, or a module from outside that a plugin brings. It
ends with its registration: what it is called, what it says, what it is worth, what it needs, and
the function that computes it. Whatever lists families (bounds.csv, bound.json, the words, the
calculator) iterates over the registry.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.calculator import Calculation
from semdim.bounds.result import Bound
from semdim.bounds.spec import BoundSpec
from semdim.errors import ConfigError, DataError
from semdim.registry import Registry
from semdim.text.independence import Independence

Number = float | int | None
EVERY_LEDGER = ("model", "sae")
"""Proxies whose losses every ledger has."""


@dataclass(frozen=True)
class BoundFacts:
    """What the ledger's metadata says that the bounds need."""

    vocab_size: int
    """V of the model."""
    dict_size: int
    """m of the autoencoder."""
    n_sequences_uncut: int | None = None
    """Sequences of a sample that holds every window that its documents may give; None: it ends
    before, or nobody knows."""
    sources: tuple[str, ...] = ()
    """Labels of the sources of the text."""
    document_sources: tuple[int, ...] = ()
    """Index in ``sources`` of each document's; empty with fewer than two sources."""
    n_candidates: int = 1
    """Autoencoders that were measured on this text before this one was chosen, itself included."""
    independence: Independence | None = None
    """What speaks for the sample's independence of model and autoencoder; None: nothing."""

    @classmethod
    def from_mapping(cls, facts: Mapping[str, Any], *, n_candidates: int = 1) -> "BoundFacts":
        """From the metadata, whose other entries are of no concern here.

        Raises:
            DataError: an entry is missing.
        """
        missing = [name for name in ("vocab_size", "dict_size") if name not in facts]
        if missing:
            raise DataError(f"The ledger's metadata lacks {', '.join(missing)}.")
        counts = facts.get("counts") or {}
        is_uncut = counts.get("sequences_unused") == 0
        return cls(
            vocab_size=int(facts["vocab_size"]),
            dict_size=int(facts["dict_size"]),
            n_sequences_uncut=int(counts["sequences_used"]) if is_uncut else None,
            sources=tuple(facts.get("sources", ())),
            document_sources=tuple(facts.get("document_sources", ())),
            n_candidates=n_candidates,
            independence=_independence(facts.get("independence")),
        )


def _independence(found: Any) -> Independence | None:
    if found is None or isinstance(found, Independence):
        return found
    return Independence(**{**found, "apart_from": tuple(found["apart_from"])})


def nothing_more(bound: Bound) -> dict[str, Number]:
    """No numbers for the summary but the total and the first N."""
    return {}


def no_proxies(spec: BoundSpec) -> tuple[str, ...]:
    """What a family needs of single tokens when it reads means alone."""
    return ()


@dataclass(frozen=True)
class Kind:
    """Rows of one name in bounds.csv, and what they are worth."""

    name: str
    """The column ``family``."""
    number: int
    """Its section in docs/bounds.md, by which lists for readers are ordered."""
    words: str
    """What it says, for people who did not read the code."""
    source: str
    """Theorem, equation, or reference."""
    is_certificate: bool
    """Whether it can be a theorem; False: it proves nothing, whatever the unit."""
    curve: Callable[[Bound], object] | None = None
    """What tells its curves over N apart (a method, a k); None: there is one curve."""
    headline: Literal["curve", "total", "none"] = "curve"
    """What of a curve goes into bound.json: the total at the largest N and the first N at which it
    is non-vacuous; the total alone; nothing. No ``curve``: not among the curves over N either."""
    more: Callable[[Bound], Mapping[str, Number]] = nothing_more
    """What else the bound at the largest N adds to bound.json."""
    calculation: Calculation | None = None
    """How ``semdim bound`` computes it from numbers alone; None: it needs the losses."""

    def check(self, bound: Bound) -> None:
        """Try what a summary will ask for: whatever raises here leaves the family out."""
        if self.curve is not None:
            self.curve(bound)
        if self.headline != "none":
            self.more(bound)


@dataclass(frozen=True)
class Family:
    """The bounds that one file brings."""

    name: str
    """Name of the file."""
    order: int
    """Where its rows stand at each N of bounds.csv, smallest first."""
    kinds: tuple[Kind, ...]
    """The names of its rows."""
    compute: Callable[[SequenceTable, BoundFacts, BoundSpec], Iterable[Bound]]
    """Its bounds at the N that the table holds; none when the settings do not ask for it. An error
    leaves this family out with its reason, but for a `ConfigError`, which stops everything."""
    needs: Callable[[BoundSpec], Iterable[str]]
    """The proxies whose losses it reads, under these settings."""
    at: Literal["every N", "largest N"] = "every N"
    """The N of the grid at which it is computed."""
    reads: Literal["documents", "sequences"] = "documents"
    """What the table holds that it is given: the first W windows of whole documents, as
    certificates need it; or the first N tokens of the sample, in its order."""
    smoothings: Literal["every α", "main α"] = "every α"
    """The α at which it is computed. A family at the main one pays for no other."""
    about: Literal["autoencoder", "model"] = "autoencoder"
    """What its certificates depend on. Those about the model alone pay nothing for the choice of an
    autoencoder (`semdim.bounds.candidates`); all others do."""
    needs_tokens: Callable[[BoundSpec], Iterable[str]] = no_proxies
    """The proxies whose losses it reads token by token; `SequenceTable.token_losses` has them."""

    @property
    def pays_for_candidates(self) -> bool:
        """Whether δ is divided among the autoencoders that were measured on the text."""
        return self.about == "autoencoder" and any(kind.is_certificate for kind in self.kinds)


FAMILIES: Registry[Family] = Registry("family of bounds", "semdim.bounds.families")


def register(family: Family) -> Family:
    """Make a family known, and return it: what a family's file ends with.

    Raises:
        ConfigError: a family of another module has this name.
    """
    return FAMILIES.add(family.name, family)


def families() -> tuple[Family, ...]:
    """All families, in the order of their rows in bounds.csv."""
    return tuple(sorted(FAMILIES.values(), key=lambda family: (family.order, family.name)))


def kinds() -> dict[str, Kind]:
    """All rows' names with what they are worth, in the order of docs/bounds.md.

    Raises:
        ConfigError: two families give rows of one name.
    """
    found = [(kind, family.name) for family in families() for kind in family.kinds]
    owners: dict[str, str] = {}
    for kind, family_name in found:
        if kind.name in owners:
            raise ConfigError(
                f"The bound families {owners[kind.name]} and {family_name} both give rows called "
                f"{kind.name!r}: rename the rows of one of them."
            )
        owners[kind.name] = family_name
    return {kind.name: kind for kind, _ in sorted(found, key=lambda entry: entry[0].number)}


def kind_of(name: str) -> Kind:
    """What rows of this name are worth.

    Raises:
        ConfigError: no family gives such rows.
    """
    known = kinds()
    if name not in known:
        raise ConfigError(
            f"No bound family gives rows called {name!r}; there are {', '.join(known)}. The "
            "module that registers the family must be among the plugins."
        )
    return known[name]


def needed_proxies(spec: BoundSpec) -> tuple[str, ...]:
    """The proxies whose losses `spec` asks for, in the ledger's names, none twice."""
    names = [name for family in families() for name in family.needs(spec)]
    return tuple(dict.fromkeys((*EVERY_LEDGER, *names)))


def needed_tokens(spec: BoundSpec) -> tuple[str, ...]:
    """The proxies whose losses `spec` asks for token by token, none twice."""
    if spec.unit == "token":
        return needed_proxies(spec)
    return tuple(dict.fromkeys(n for family in families() for n in family.needs_tokens(spec)))
