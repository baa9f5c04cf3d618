"""Any Hugging Face data set with a text column: from the hub, from its cache, or from disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semdim.errors import DataError, HubError
from semdim.text.documents import Document, ReadCounts
from semdim.text.readers import missing_column, text_of
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
        where = f"{label}:{number}"
        yield Document(where, text_of(row, spec.text_column, where))


def _open(spec: CorpusSpec) -> Any:
    import datasets
    from datasets.exceptions import DatasetsError

    assert spec.path is not None
    path = str(Path(spec.path).expanduser()) if spec.path.startswith("~") else spec.path
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
    except (DatasetsError, OSError, ValueError) as error:
        raise _explained(error, spec, path) from error
    columns = rows.column_names
    if columns is not None and spec.text_column not in columns:
        raise missing_column(spec.text_column, list(columns), f"data set {spec.path}")
    if columns is not None:
        rows = rows.select_columns([spec.text_column])
    return rows


def _guarded(rows: Any, spec: CorpusSpec) -> Iterator[dict[str, Any]]:
    from datasets.exceptions import DatasetsError

    try:
        yield from rows
    except (DatasetsError, OSError, ValueError) as error:
        raise _explained(error, spec, spec.path or "") from error


def _explained(error: Exception, spec: CorpusSpec, path: str) -> DataError | HubError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if _is_remote(path, spec.data_files) and (_is_offline() or isinstance(error, ConnectionError)):
        return _unreachable(spec, "HF_HUB_OFFLINE=1 forbids it" if _is_offline() else reason)
    name = f" ({spec.name})" if spec.name else ""
    return DataError(f"data set {spec.path}{name}, split {spec.split!r}: {reason}")


def _is_remote(path: str, data_files: tuple[str, ...]) -> bool:
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    if path in _PACKAGED_DATASETS_MODULES:
        return any("://" in file for file in data_files)
    return not Path(path).exists()


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
        f"({reason}): connect, or point corpora.*.path (kind files, jsonl or parquet) at text on "
        "this machine"
    )
