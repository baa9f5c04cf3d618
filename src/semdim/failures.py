"""What becomes of a part that cannot be computed: it is left out with its reason, the rest stays.

Families of bounds, scores, figures, tables and readings, ours and those of plugins, run behind
`attempt`: whatever one of them raises costs that one.
"""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from semdim.errors import SemdimError

Value = TypeVar("Value")


def attempt(work: Callable[..., Value], *arguments: object) -> tuple[Value | None, str]:
    """What ``work`` gives for the arguments and an empty reason, or None and why it failed."""
    try:
        return work(*arguments), ""
    except Exception as error:
        return None, reason_of(error)


def reason_of(error: Exception) -> str:
    """Why something failed, in a sentence: an error of ours speaks for itself, any other is told
    with its type and the line of code that raised it."""
    if isinstance(error, SemdimError):
        return str(error)
    said = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"it failed with {type(error).__name__}{': ' + said if said else ''}{where}."
