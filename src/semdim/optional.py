"""Packages that only a part of semdim needs, and that an extra of its wheel brings."""

import importlib
from typing import Any

from semdim.errors import ConfigError


def package(name: str, what: str, extra: str = "pipeline") -> Any:
    """Import the package that ``what`` needs.

    Args:
        name: of the package, as it is imported.
        what: the thing that needs it, as the subject of the sentence that a user reads.
        extra: of semdim, that brings the package.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != name.split(".")[0]:
            raise
        raise ConfigError(
            f"{what} needs the package {name}, which is not installed: "
            f'run `pip install "semdim[{extra}]"`.'
        ) from error
