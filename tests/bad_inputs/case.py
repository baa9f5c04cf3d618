"""One bad input, and what it is held to."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from semdim.errors import SemdimError

_BOX = re.compile("[─-╿]")


@dataclass(frozen=True)
class Bad:
    """One entry of the tables."""

    name: str
    """What is bad, and where it is given."""
    give: Callable[[Path], Any]
    """Gives it, in a folder of its own. Returns what was made of it; a `SemdimError` refuses it."""
    says: str = ""
    """What the refusal has to say, such as the name of the file."""
    right: Any = None
    """The right result, where the input can be used after all; None: it has to be refused."""


class Refused(SemdimError):
    """What a command said, without ``error: ``."""


def command(*arguments: str, stdin: bytes | None = None) -> str:
    """What `semdim` prints; `Refused` when it ends with status 1 or 2 and one sentence."""
    from semdim.commands.app import app

    result = CliRunner().invoke(app, list(arguments), input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code == 1:
        assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
        assert result.stdout == "", "it printed something before it refused"
        raise Refused(result.stderr.removeprefix("error: ").strip())
    if result.exit_code == 2:  # of the parser: usage, then a box with the reason
        raise Refused(" ".join(_BOX.sub(" ", result.stderr).split()).rstrip(".") + ".")
    assert result.exit_code == 0, result.exit_code
    return result.stdout


def check(bad: Bad, folder: Path) -> None:
    """Give a bad input. Fails on any other exception than a `SemdimError`, on a refusal that is no
    sentence, and on a result that is not the right one."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        result = bad.give(folder)
    except SemdimError as error:
        message = str(error)
        assert bad.right is None, f"{bad.name} should have been used: {message}"
        assert "\n" not in message and "\x1b" not in message, message
        assert len(message.split()) >= 5 and message.rstrip("'\"` )")[-1] in ".?:;", message
        assert bad.says in message, f"{message!r} does not say {bad.says!r}"
    else:
        assert bad.right is not None, f"{bad.name} was taken for good: {result!r}"
        assert bad.right(result) if callable(bad.right) else result == bad.right, result
    finally:
        os.chdir(before)
