"""What is asked: a fact with its answers, and a question, which is a fact in a template."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fact:
    """One thing that can be asked about."""

    entity: str
    """What the question is about. Questions of one entity depend on each other: intervals resample
    entities, and folds never part them."""
    answers: tuple[str, ...]
    """Accepted answers; the first is the one that is ranked among the alternatives."""
    fields: Mapping[str, str]
    """What a template may ask for, by name."""
    group: str = "all"
    """Facts of one group are asked in one way, and their answers are alternatives of each other."""
    popularity: float | None = None
    """How well known the entity is, larger = better (population, page views); None: not known."""
    alternatives: tuple[str, ...] = ()
    """The answers to choose from, where the source names them; else those of the group."""
    where: str = ""
    """Where it was read, for messages."""


@dataclass(frozen=True)
class Question:
    """A fact in a template, as the model reads it."""

    prompt: str
    """Its text, without BOS."""
    entity: str
    """The entity that it is about; of an invented one, its name."""
    template: int
    """Number of the template, from 0."""
    group: str
    """The group of its fact."""
    answers: tuple[str, ...]
    """Accepted answers; empty for an invented entity, which has none."""
    alternatives: tuple[str, ...] = field(repr=False)
    """All answers of the group (or those that the source names), the true one among them."""
    popularity: float | None
    """That of its fact; None for an invented entity."""
    is_invented: bool
    """Whether its entity does not exist."""
    pair: int
    """Number of the fact: a real entity and the one invented in its place share it."""
