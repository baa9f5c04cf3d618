"""Any Hugging Face data set with a text column: from the hub, from its cache, or from disk."""

import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semdim.errors import ConfigError, DataError, HubError
from semdim.text.documents import Document, ReadCounts
from semdim.text.readers import check_columns, columns_of, row_document
from semdim.text.spec import CorpusSpec

_PROBE_SECONDS = 5.0


def read_dataset(spec: CorpusSpec, counts: ReadCounts) -> Iterator[Document]:
    """One document per row of ``datasets.load_dataset(...)``, in the data set's own order.

    Raises HubError at once, with no series of retries, when a hub is needed that cannot be
    reached; DataError for an unknown configuration, split, file, or column.
    """
    rows = _open(spec)
    label = spec.path or ""
    for number, row in enumerate(_guarded(rows, spec)):
        yield row_document(row, spec, f"{label}:{number}")


def _open(spec: CorpusSpec) -> Any:
    import datasets

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    path = _local_path(spec)
    if _is_loader(path) and not spec.data_files:
        raise ConfigError(f"the loader {path!r} needs data_files: the files to read")
    if _is_remote(path, spec.data_files) and not _is_offline():
        _probe(spec)
    data_files = [str(Path(file).expanduser()) for file in spec.data_files] or None
    try:
        rows = datasets.load_dataset(
            path,
            spec.name,
            split=spec.split,
            data_files=data_files,
            revision=spec.revision,
            streaming=spec.streaming,
        )
    except StopIteration:  # what datasets raises for a pattern that nothing matches
        raise DataError(f"no file matches data_files {', '.join(spec.data_files)}") from None
    except _reading_errors() as error:
        raise _explained(error, spec, path) from error
    columns = rows.column_names
    if columns is not None:
        check_columns(spec, list(columns), f"data set {spec.path}")
        rows = rows.select_columns(columns_of(spec))
    return rows


def _guarded(rows: Any, spec: CorpusSpec) -> Iterator[dict[str, Any]]:
    try:
        yield from rows
    except _reading_errors() as error:
        raise _explained(error, spec, _local_path(spec)) from error


def _reading_errors() -> tuple[type[Exception], ...]:
    import httpx
    from datasets.exceptions import DatasetsError

    return (DatasetsError, OSError, ValueError, EOFError, zlib.error, httpx.HTTPError)


def _local_path(spec: CorpusSpec) -> str:
    """``spec.path``, its home folder written out; DataError for a folder that is not there."""
    assert spec.path is not None
    if not spec.path.startswith(("~", "/", "./", "../")):
        return spec.path
    path = Path(spec.path).expanduser()
    if not path.exists():
        raise DataError(f"there is no data set at {spec.path}")
    return str(path)


def _explained(error: Exception, spec: CorpusSpec, path: str) -> DataError | HubError:
    import httpx

    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    is_network = isinstance(error, (ConnectionError, httpx.HTTPError))
    if _is_remote(path, spec.data_files) and (_is_offline() or is_network):
        return _unreachable(spec, "HF_HUB_OFFLINE=1 forbids it" if _is_offline() else reason)
    name = f" ({spec.name})" if spec.name else ""
    return DataError(f"data set {spec.path}{name}, split {spec.split!r}: {reason}")


def _is_remote(path: str, data_files: tuple[str, ...]) -> bool:
    if _is_loader(path):
        return any("://" in file for file in data_files)
    return not Path(path).exists()


def _is_loader(path: str) -> bool:
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    return path in _PACKAGED_DATASETS_MODULES


def _is_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _probe(spec: CorpusSpec) -> None:
    """One short request instead of the client's retries; any answer at all means reachable."""
    import httpx
    from huggingface_hub import constants

    try:
        httpx.head(constants.ENDPOINT, timeout=_PROBE_SECONDS)
    except httpx.HTTPError as error:
        raise _unreachable(spec, str(error) or type(error).__name__) from error


def _unreachable(spec: CorpusSpec, reason: str) -> HubError:
    from huggingface_hub import constants

    return HubError(
        f"data set {spec.path} has to be read from {constants.ENDPOINT}, which cannot be reached "
        f"({reason}): connect, or use a corpus of kind files, jsonl or parquet with text on this "
        "machine"
    )
