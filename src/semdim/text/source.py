"""What identifies the text of a corpus, so that another text is another input of the pipeline."""

from pathlib import Path
from typing import Any

from semdim.errors import DataError
from semdim.origin import digests
from semdim.text.spec import CorpusSpec, TextSpec
from semdim.text.training_text import file_of


def source_digest(spec: CorpusSpec) -> dict[str, Any]:
    """Plain values that change when the text that a corpus is read from changes.

    Files count by name (relative to the path that is given), size and SHA-256; text of a package
    by the package's version and its files; the standard library by the interpreter's version and a
    digest; a data set on the hub by name, revision and, where the local cache tells, commit;
    random tokens by nothing; a derived corpus by its base. Settings of the corpus, its role and
    size among them, are no part of it. No model is read and no hub is asked.

    Raises:
        DataError: a file or a package is missing, or cannot be read.
        ConfigError: an autoencoder that the text is kept apart from does not say what it has seen.
    """
    try:
        return spec.source() | _seen(spec)
    except OSError as error:
        raise DataError(
            f"the text of the corpus of kind {spec.kind} at {spec.place} cannot be read: {error}"
        ) from error


def _seen(spec: CorpusSpec) -> dict[str, Any]:
    """The training texts that a corpus is kept apart from; nothing where there are none."""
    if not isinstance(spec, TextSpec) or not spec.apart_from:
        return {}
    files = {folder: file_of(Path(folder).expanduser()) for folder in spec.apart_from}
    found = digests(list(files.values()))
    return {"apart_from": {name: found[file] for name, file in files.items()}}
