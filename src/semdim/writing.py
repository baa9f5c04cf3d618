"""Where a user says that something goes: a path that cannot be written is one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semdim.errors import ConfigError, SemdimError
from semdim.quoting import one_line, why


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Run a block that writes ``path``, a place that a user chose.

    Raises:
        ConfigError: it cannot be written: a folder, below a file, a full disk, no permission.
    """
    try:
        yield
    except SemdimError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise ConfigError(
            f"{one_line(str(path))} cannot be written: {why(error, str(path))}; choose another "
            "place, or free some space."
        ) from error
