"""What must hold between sections of the settings: roles, sizes, proxies. No file is looked at."""

from typing import TYPE_CHECKING

from semdim.errors import ConfigError
from semdim.fields import suggestion
from semdim.text.spec import DrawnSpec

if TYPE_CHECKING:
    from semdim.settings import Settings


def check_consistent(settings: "Settings") -> None:
    """Refuse settings that contradict each other.

    Raises:
        ConfigError: the first contradiction, with the settings and values that make it.
    """
    check_roles(settings)
    check_sizes(settings)
    check_statistics(settings)


def check_roles(settings: "Settings") -> None:
    """Exactly the sample is familiar: bounds and uncertainty study start from one corpus."""
    grid = settings.grid
    sample = settings.corpora[grid.sample]
    if isinstance(sample, DrawnSpec):
        raise ConfigError(
            f"grid.sample = {grid.sample!r} is of kind {sample.kind!r}, which is not text: choose "
            "a corpus with documents as the in-distribution sample."
        )
    if sample.role != "id":
        raise ConfigError(
            f"corpora.{grid.sample}.role = {sample.role!r} must be 'id', because grid.sample = "
            f"{grid.sample!r}: the other corpora are compared with the sample."
        )
    for name in grid.corpus:
        if name != grid.sample and settings.corpora[name].role == "id":
            raise ConfigError(
                f"corpora.{name}.role = 'id' must be near, shifted or far: grid.sample = "
                f"{grid.sample!r} is the one corpus in distribution."
            )


def check_sizes(settings: "Settings") -> None:
    """What is asked of the sample must be in it."""
    grid, tokens = settings.grid, settings.tokens
    corpus = f"corpora.{grid.sample}.n_tokens"
    there = settings.corpora[grid.sample].n_tokens
    limit = grid.ablation_tokens
    if grid.ablation and limit is not None and limit > there:
        raise ConfigError(
            f"grid.ablation_tokens = {limit} must be at most the {there} tokens of the "
            f"corpus {grid.sample!r}, or null for all of them."
        )
    for name, sizes in (
        ("bound.n_tokens", settings.bound.n_tokens),
        ("surface.n_tokens", settings.surface.n_tokens or ()),
    ):
        if sizes and sizes[-1] > there + tokens.context:
            raise ConfigError(
                f"{name} asks for {sizes[-1]:,} tokens, but the corpus {grid.sample!r} is limited "
                f"to {corpus} = {there:,}: raise that limit, or leave out the larger sizes."
            )
    windows, cap = settings.bound.windows_per_document, tokens.max_sequences_per_document
    if windows is not None and cap is not None and windows > cap:
        raise ConfigError(
            f"bound.windows_per_document = {windows} must be at most "
            f"tokens.max_sequences_per_document = {cap}: no document has more windows."
        )
    study = settings.uncertainty
    for key, count in (("n_clusters", study.n_clusters), ("neighbour", study.neighbour)):
        if count > there:
            raise ConfigError(
                f"uncertainty.{key} = {count} must be at most the {there} tokens of {corpus}."
            )
    if study.window > tokens.context - 1:
        raise ConfigError(
            f"uncertainty.window = {study.window} must be at most {tokens.context - 1}: a sequence "
            f"of tokens.context = {tokens.context} has no more tokens after BOS."
        )


def check_statistics(settings: "Settings") -> None:
    """The guardrail watches statistics that exist."""
    from semdim.uncertainty.level import MOVING, all_levels

    known = [*(level.name for level in all_levels()), MOVING]
    for key in ("guardrail_statistics", "guardrail_candidates"):
        for name in getattr(settings.uncertainty, key):
            if name not in known:
                raise ConfigError(
                    f"uncertainty.{key} names {name!r}, which is not a statistic: choose among "
                    f"{', '.join(known)}.{suggestion(name, known)}"
                )
