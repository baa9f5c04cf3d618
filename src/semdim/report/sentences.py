"""Readings by name: what the results say in generated sentences, and where these stand."""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from semdim.errors import ConfigError
from semdim.plots.sections import SECTIONS
from semdim.registry import Registry
from semdim.results.read import ProbeResults

Write = Callable[[list[ProbeResults]], list[Markup]]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A reading, and where it stands. With neither figure nor section, the text of a section
    quotes it as ``read.<name>``."""

    name: str
    """By which a text quotes it."""
    write: Write
    """Its sentences; none where the probes lack the data."""
    figure: str | None = None
    """The figure in whose caption it stands."""
    section: str | None = None
    """The section in which its sentences are paragraphs."""
    position: int = 50
    """Place within the section, or among the readings of the figure, ascending."""

    def __post_init__(self) -> None:
        if self.section is not None and self.section not in SECTIONS:
            raise ConfigError(
                f"The reading {self.name!r} names the section {self.section!r}, which the report "
                f"does not have: choose one of {', '.join(SECTIONS)}."
            )
        # The registry tells two entries of one name apart by where they come from.
        object.__setattr__(self, "__module__", self.write.__module__)


READINGS: Registry[Reading] = Registry("reading", "semdim.report.readings")


def reading(
    name: str, *, figure: str | None = None, section: str | None = None, position: int = 50
) -> Callable[[Write], Write]:
    """Register a function as a `Reading`; it stays what it is.

    Raises:
        ConfigError: another reading has this name, or there is no such section.
    """

    def register(write: Write) -> Write:
        READINGS.add(
            name,
            Reading(name=name, write=write, figure=figure, section=section, position=position),
        )
        return write

    return register


def readings() -> list[Reading]:
    """All readings, in the order of their positions."""
    return sorted(READINGS.values(), key=lambda entry: (entry.position, entry.name))
