"""What other people's words need before they stand in one of our sentences."""

import codecs
import io
import json
import re
import sys

_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029"  # control characters, line ends
    r"\u200e\u200f\u202a-\u202e\u2066-\u2069"  # directions of writing
    r"\ud800-\udfff]"  # halves of characters
)
_ESCAPES = "semdim.escapes"
LONGEST = 2_000
"""Characters of a library's message that are passed on."""


def visible(text: str, keep: str = "") -> str:
    """``text`` with what a terminal would obey, or cannot write, as escapes: ``\\x1b``.

    keep: characters that are left as they are, such as line ends.
    """
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def escape_what_a_console_lacks() -> None:
    """From now on, characters that the encoding of standard output or error lacks are written as
    ``\\u00b7``, which is an escape in JSON, too: there such characters stand in strings alone."""
    codecs.register_error(_ESCAPES, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ESCAPES)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def one_line(text: str, longest: int = LONGEST) -> str:
    """``text`` on one line, visible, and cut in the middle where it is too long."""
    shown = visible(" ".join(text.split()))
    if len(shown) <= longest:
        return shown
    half = (longest - 3) // 2
    return f"{shown[:half]} … {shown[-half:]}"


def why(error: BaseException, about: str = "") -> str:
    """What an exception says, whole and on one line, without a full stop at its end.

    about: the file that the sentence names already.
    """
    if isinstance(error, UnicodeDecodeError):
        found = error.object[error.start]
        return f"byte 0x{found:02x} at offset {error.start} is not {error.encoding.upper()}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    if isinstance(error, OSError) and error.strerror and error.errno is not None:
        other = error.filename is not None and str(error.filename) != about
        return one_line(f"{error.strerror}: {error.filename}" if other else error.strerror)
    if isinstance(error, KeyError) and error.args:
        return f"there is no {one_line(repr(error.args[0]))} in it"
    said = one_line(str(error)).rstrip(" .:;")
    return said or type(error).__name__
