"""Figures and tables by name, where each stands in the report, and what it needs.

A figure is a file in semdim/plots/figures, a table one in semdim/plots/tables; each ends with
`add_figure` or `add_table`. One from outside does the same when it is imported.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from semdim.errors import ConfigError
from semdim.failures import attempt
from semdim.plots.sections import SECTIONS, place
from semdim.plots.tabulate import Table
from semdim.registry import Registry
from semdim.results.read import ProbeResults

NARROW = "_narrow"
"""Behind a figure's name: its drawing for narrow screens."""


@dataclass(frozen=True, kw_only=True)
class FigureSpec:
    """One figure of the report."""

    name: str
    """File name without its ending."""
    title: str
    """Heading of its caption."""
    section: str
    """Where it stands in the report, a key of `SECTIONS`."""
    position: int
    """Place within the section, ascending; its text says what stands before which position."""
    caption: str
    """How to read it."""
    draw: Callable[[list[ProbeResults]], Figure]
    """The drawing function; it skips the probes that lack the data."""
    has: Callable[[ProbeResults], bool]
    """Whether a probe's results can be drawn."""
    how: str
    """What computes its input, for a reader who misses it."""
    n_probes: int = 1
    """Probes needed at least."""
    together: Callable[[list[ProbeResults]], bool] = lambda probes: True
    """Whether the probes that have it make a figure together."""
    is_extra: bool = False
    """Whether a run that has no use for it is complete without."""
    narrow: Callable[[list[ProbeResults]], Figure] | None = None
    """The same for the screen of a telephone; None: a reader scrolls the one drawing."""

    def __post_init__(self) -> None:
        _check_section("figure", self.name, self.section)
        _know_origin(self, self.draw)

    @property
    def drawings(self) -> dict[str, Callable[[list[ProbeResults]], Figure]]:
        """What is drawn, by file name without its ending."""
        narrow = {} if self.narrow is None else {f"{self.name}{NARROW}": self.narrow}
        return {self.name: self.draw, **narrow}

    def lacking(self, probes: Sequence[ProbeResults]) -> list[str]:
        """Names of the probes that have nothing to draw here."""
        return [probe.name for probe in probes if not self.has(probe)]

    def can_draw(self, probes: Sequence[ProbeResults]) -> bool:
        """Whether there is enough to draw."""
        having = [probe for probe in probes if self.has(probe)]
        return len(having) >= self.n_probes and self.together(having)


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """One table of the report."""

    name: str
    """File name without its ending."""
    section: str
    """Where it stands in the report, a key of `SECTIONS`."""
    position: int
    """Place within the section, ascending."""
    make: Callable[[list[ProbeResults]], Table]
    """Makes it; a table without rows is left out."""
    is_prose: bool = False
    """Whether its cells are sentences rather than numbers."""
    is_folded: bool = False
    """Whether the page shows its title only, until a reader opens it."""

    def __post_init__(self) -> None:
        _check_section("table", self.name, self.section)
        _know_origin(self, self.make)


FIGURES: Registry[FigureSpec] = Registry("figure", "semdim.plots.figures")
TABLES: Registry[TableSpec] = Registry("table", "semdim.plots.tables")


def add_figure(spec: FigureSpec) -> FigureSpec:
    """Register a figure under its name.

    Raises:
        ConfigError: another figure has this name.
    """
    return FIGURES.add(spec.name, spec)


def add_table(spec: TableSpec) -> TableSpec:
    """Register a table under its name.

    Raises:
        ConfigError: another table has this name.
    """
    return TABLES.add(spec.name, spec)


def figures() -> list[FigureSpec]:
    """Every figure, in the order in which the report numbers them."""
    return sorted(
        FIGURES.values(), key=lambda spec: (place(spec.section, spec.position), spec.name)
    )


def tables() -> list[TableSpec]:
    """Every table, in the order of the report."""
    return sorted(TABLES.values(), key=lambda spec: (place(spec.section, spec.position), spec.name))


def made_tables(
    probes: list[ProbeResults], left_out: dict[str, str] | None = None
) -> dict[str, Table]:
    """Every table that has a row, by name, in the order of the report.

    left_out: is given the reason of each that cannot be made, by its name.
    """
    made: dict[str, Table] = {}
    for spec in tables():
        table, reason = attempt(spec.make, probes)
        if table is not None and table.rows:
            made[spec.name] = table
        elif reason and left_out is not None:
            left_out[spec.name] = reason
    return made


def _check_section(what: str, name: str, section: str) -> None:
    if section not in SECTIONS:
        raise ConfigError(
            f"The {what} {name!r} names the section {section!r}, which the report does not have: "
            f"choose one of {', '.join(SECTIONS)}."
        )


def _know_origin(spec: object, function: Callable[..., object]) -> None:
    """The registry tells entries of one name apart by their module: not this one, but theirs."""
    object.__setattr__(spec, "__module__", function.__module__)
