"""How a command ends when it cannot do what it was asked for: one sentence, exit status 1."""

import contextlib
import errno
import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import typer

from semdim.errors import SemdimError
from semdim.quoting import escape_what_a_console_lacks, one_line, why

Value = TypeVar("Value")


def command(work: Callable[..., Value]) -> Callable[..., Value]:
    """``work`` as a subcommand: a `SemdimError`, or an output that cannot be written, ends it with
    one sentence."""

    @functools.wraps(work)
    def run(*arguments: Any, **options: Any) -> Value:
        _open_streams()
        with _one_sentence():
            done = work(*arguments, **options)
            sys.stdout.flush()
            return done
        raise AssertionError("unreachable: what is caught ends the command")

    return run


class CommandLine(typer.Typer):
    """Commands whose help, version and usage errors end as `command` lets their work end.

    They are printed before any command runs: on a console that lacks their characters, too, and
    where nothing can be written.
    """

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        _open_streams()
        try:
            with _one_sentence():
                try:
                    return super().__call__(*arguments, **options)
                finally:
                    sys.stdout.flush()
        except typer.Exit as end:
            raise SystemExit(end.exit_code) from end


@contextlib.contextmanager
def _one_sentence() -> Iterator[None]:
    """What `command` says of an error."""
    try:
        yield
    except SemdimError as error:
        raise refusal(str(error)) from error
    except BrokenPipeError:
        _drop_output()  # `semdim … | head` has what it wanted
        raise typer.Exit(0) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EIO) and error.filename is None:
            _drop_output()
            raise refusal(
                f"The output cannot be written: {why(error)}; free some space or write elsewhere."
            ) from error
        named = error.filename if error.filename is not None else "A file"
        reason = why(error, str(named))
        raise refusal(
            f"{named} cannot be read or written: {reason}; choose another place."
        ) from error


def guarded(work: Callable[[], Value]) -> Value:
    """What ``work`` gives; a `SemdimError` ends the command with its sentence."""
    try:
        return work()
    except SemdimError as error:
        raise refusal(str(error)) from error


def refusal(message: str) -> typer.Exit:
    """Say why, and give what ends the command."""
    print(f"error: {one_line(message, 10_000)}", file=sys.stderr)
    return typer.Exit(1)


def _open_streams() -> None:
    """Streams that can be written to: closed ones lead nowhere, and what a console's encoding lacks
    is written as an escape."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    escape_what_a_console_lacks()


def _drop_output() -> None:
    """Leave nothing for Python to write when it ends: that would fail again, with a traceback."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
