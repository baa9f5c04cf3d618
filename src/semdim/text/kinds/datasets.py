"""Any Hugging Face data set with a text column: from the hub, from its cache, or from disk."""

import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from semdim.errors import ConfigError, DataError, HubError
from semdim.fields import setting
from semdim.text.disk import describe_files, find_files
from semdim.text.documents import Document, ReadCounts
from semdim.text.hub import cached_commit, is_offline, probe, unreachable
from semdim.text.hub_cache import CachedFiles, cached_files
from semdim.text.kind import KINDS
from semdim.text.rows import ColumnCheck, RowsSpec, check_columns, columns_of, needs, row_document

SHOWN = 3
"""Files that a message names one by one, at most."""


@dataclass(frozen=True, kw_only=True)
class DatasetsCorpus(RowsSpec):
    """What ``datasets.load_dataset`` reads."""

    kind: Literal["datasets"] = "datasets"
    path: str = setting(not_empty=True)
    """A hub id, a local folder, or the name of a loader such as ``json``."""
    name: str | None = None
    """The configuration, such as ``en`` of ``allenai/c4``."""
    split: str = setting("train", not_empty=True)
    """The split of the data set."""
    data_files: tuple[str, ...] = setting((), one_is_a_list=True)
    """The files to read, as paths or globs, where the loader wants them named."""
    streaming: bool = True
    """Read as it comes, instead of downloading the whole data set first."""
    revision: str | None = None
    """The commit or tag on the hub; fix it for results that can be repeated."""

    def documents(self, counts: ReadCounts) -> Iterator[Document]:
        """One document per row, in the data set's own order, named ``<path>:<row>``.

        Raises HubError at once, with no series of retries, when a hub is needed that cannot be
        reached; DataError for an unknown configuration, split, file, or column.
        """
        found = rows(self, columns_of(self), lambda *at: check_columns(self, *at))
        for where, row in found:
            yield row_document(row, self, where)

    def source(self) -> dict[str, Any]:
        """Files on this machine by content; what is on the hub by name and revision, and by commit
        where the local cache knows it. Without the hub: also the files that the cache has."""
        path = _local_path(self.path)
        here = [file for file in self.data_files if "://" not in file]
        elsewhere = {"remote_files": [file for file in self.data_files if "://" in file]}
        if Path(path).exists():
            paths = find_files(path, ("",), ReadCounts())
            return {"files": describe_files(paths, path)} | elsewhere
        if _is_loader(path):
            found = {file: find_files(file, ("",), ReadCounts()) for file in here}
            files = [row for file, paths in found.items() for row in describe_files(paths, file)]
            return {"loader": path, "files": files} | elsewhere
        commit = cached_commit(path, self.revision)
        hub: dict[str, Any] = {
            "path": path,
            "name": self.name,
            "revision": self.revision,
            "commit": commit,
        }
        if cached := _cached(self, path):
            hub["cached_files"] = cached.names()
        return hub | {"hub_files": here} | elsewhere


def rows(
    spec: DatasetsCorpus, columns: Sequence[str], check: ColumnCheck | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The columns of each row, with its place ``<path>:<row>``.

    Args:
        spec: where the data set is; what its documents would be is not looked at.
        columns: what is read.
        check: as in `semdim.text.kinds.parquet.rows`.

    Raises:
        HubError, DataError: as `DatasetsCorpus.documents`.
    """
    found = _open(spec, columns, check or needs(columns))
    for number, row in enumerate(_guarded(found, spec)):
        yield f"{spec.path}:{number}", row


def _open(spec: DatasetsCorpus, wanted: Sequence[str], check: ColumnCheck) -> Any:
    import datasets

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    path = _local_path(spec.path)
    if _is_loader(path) and not spec.data_files:
        raise ConfigError(f"the loader {path!r} needs data_files: the files to read")
    if _is_remote(path, spec.data_files) and not is_offline():
        probe(spec.path)
    name, revision = spec.name, spec.revision
    data_files: Any = [str(Path(file).expanduser()) for file in spec.data_files] or None
    if cached := _cached(spec, path):
        path, name, revision = str(cached.folder), None, None
        data_files = {spec.split: cached.names()} if cached.patterns else None
    try:
        rows = datasets.load_dataset(
            path,
            name,
            split=spec.split,
            data_files=data_files,
            revision=revision,
            streaming=spec.streaming,
        )
    except StopIteration:  # what datasets raises for a pattern that nothing matches
        raise DataError(f"no file matches data_files {', '.join(spec.data_files)}") from None
    except _reading_errors() as error:
        raise _explained(error, spec, path) from error
    columns = rows.column_names
    if columns is not None:
        check(list(columns), f"data set {spec.path}")
        rows = rows.select_columns(list(wanted))
    return rows


def _cached(spec: DatasetsCorpus, path: str) -> CachedFiles | None:
    """Files in the hub's cache: where the hub must not be asked, and no files are named."""
    if not is_offline() or spec.data_files or not _is_remote(path, spec.data_files):
        return None
    return cached_files(spec.path, spec.name, spec.split, spec.revision)


def _guarded(rows: Any, spec: DatasetsCorpus) -> Iterator[dict[str, Any]]:
    try:
        yield from rows
    except _reading_errors() as error:
        raise _explained(error, spec, _local_path(spec.path)) from error


def _reading_errors() -> tuple[type[Exception], ...]:
    import httpx
    from datasets.exceptions import DatasetsError

    # RuntimeError: what datasets raises for a loading script, which it does not run.
    return (DatasetsError, OSError, ValueError, EOFError, RuntimeError, zlib.error, httpx.HTTPError)


def _local_path(path: str) -> str:
    """The path, its home folder written out; DataError for a folder that is not there."""
    if not path.startswith(("~", "/", "./", "../")):
        return path
    there = Path(path).expanduser()
    if not there.exists():
        raise DataError(f"there is no data set at {path}")
    return str(there)


def _explained(error: Exception, spec: DatasetsCorpus, path: str) -> DataError | HubError:
    import httpx

    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    is_network = isinstance(error, (ConnectionError, httpx.HTTPError))
    if cached := _cached(spec, spec.path):
        files = cached.names()
        which = ", ".join(files) if len(files) <= SHOWN else f"{len(files)} files"
        return DataError(
            f"data set {spec.path}, split {spec.split!r}, as the cache has it in {cached.folder} "
            f"({which}): {reason}; a damaged file must be downloaded again"
        )
    if _is_remote(path, spec.data_files) and (is_offline() or is_network):
        return unreachable(spec.path, "HF_HUB_OFFLINE=1 forbids it" if is_offline() else reason)
    name = f" ({spec.name})" if spec.name else ""
    return DataError(f"data set {spec.path}{name}, split {spec.split!r}: {reason}")


def _is_remote(path: str, data_files: tuple[str, ...]) -> bool:
    if _is_loader(path):
        return any("://" in file for file in data_files)
    return not Path(path).exists()


def _is_loader(path: str) -> bool:
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    return path in _PACKAGED_DATASETS_MODULES


KINDS.add("datasets", DatasetsCorpus)
