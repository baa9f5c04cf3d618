"""Prompt templates: text with fields in braces, ``The capital of {country} is``."""

from collections.abc import Mapping
from string import Formatter

from semdim.errors import ConfigError, DataError


def fields_of(template: str) -> tuple[str, ...]:
    """The names that a template asks for, in order, each once.

    Raises:
        ConfigError: a brace is not closed, a field has no name, or there is none: then every
            question would be the same.
    """
    try:
        found = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ConfigError(
            f"The template {template!r} is malformed ({error}): write fields as {{name}}, and a "
            "brace that is meant as {{ or }}."
        ) from None
    bad = [name for name in found if not name.isidentifier()]
    if bad or not found:
        raise ConfigError(
            f"The template {template!r} needs at least one field such as {{entity}}, each named by "
            f"a single word{f', not {bad[0]!r}' if bad else ''}."
        )
    return tuple(dict.fromkeys(found))


def fill(template: str, fields: Mapping[str, str], where: str) -> str:
    """The template with each field's value.

    Raises:
        DataError: a field is missing; the message names it and those that are there.
    """
    for name in fields_of(template):
        if name not in fields:
            raise DataError(
                f"The template {template!r} asks for {{{name}}}, which {where} does not have; it "
                f"has {', '.join(fields) or 'no field'}."
            )
    return template.format_map(fields)
