"""How a command ends when it cannot do what it was asked for: one sentence, exit status 1."""

import sys
from collections.abc import Callable
from typing import TypeVar

import typer

from semdim.errors import SemdimError

Value = TypeVar("Value")


def guarded(work: Callable[[], Value]) -> Value:
    """What ``work`` gives; a `SemdimError` ends the command with its sentence."""
    try:
        return work()
    except SemdimError as error:
        raise refusal(str(error)) from error


def refusal(message: str) -> typer.Exit:
    """Say why, and give what ends the command."""
    print(f"error: {message}", file=sys.stderr)
    return typer.Exit(1)
