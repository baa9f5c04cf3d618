"""Where a ledger's rows lie: one Parquet file, or a folder of them.

A ledger of many rows is a Parquet data set: the folder ``<corpus>.parquet`` with
``part-00000.parquet`` and so on, each of whole sequences in the order of the sample, and the
customary file ``_metadata``, which holds the facts, the statistics of every row group, and which
part it lies in. Whatever reads Parquet data sets reads it. A smaller ledger is a single file of the
same name.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from semdim.artifacts.swap import put_in_place
from semdim.errors import ArtifactError
from semdim.reading import reading

METADATA_FILE = "_metadata"
PART_ROWS = 2**24
"""Rows of a part, at least; a ledger of fewer is one file."""


def part_name(index: int) -> str:
    """The file of a part within the folder."""
    return f"part-{index:05}.parquet"


def footer_of(path: Path) -> Path:
    """The file whose footer describes the whole table: the table's own, or ``_metadata``."""
    return path / METADATA_FILE if path.is_dir() else path


def parts_of(path: Path) -> list[Path]:
    """The files that hold the rows, in their order.

    Raises:
        ArtifactError: the table is damaged, or one of its parts is missing.
    """
    if not path.is_dir():
        return [path]
    with reading(path, "a table of Parquet"):
        footer = pq.read_metadata(footer_of(path))
        groups = [footer.row_group(index) for index in range(footer.num_row_groups)]
        names = [group.column(0).file_path for group in groups]
    parts = [path / name for name in dict.fromkeys(names)]
    for part in parts:
        if not part.is_file():
            raise ArtifactError(
                f"{path} lacks its part {part.name}; recompute it with `dvc repro --force`."
            )
    return parts


def files_of(path: Path) -> list[Path]:
    """Every file of a table: itself, or the parts and the file that describes them."""
    return [footer_of(path), *parts_of(path)] if path.is_dir() else [path]


def n_rows_of(path: Path) -> int:
    """Number of rows, without reading any."""
    with reading(path, "a table of Parquet"):
        return int(pq.read_metadata(footer_of(path)).num_rows)


def schema_of(path: Path) -> pa.Schema:
    """Columns and metadata, without reading a row."""
    with reading(path, "a table of Parquet"):
        return pq.read_schema(footer_of(path))


def write_footer(
    folder: Path, schema: pa.Schema, metadata: Mapping[bytes, bytes], n_parts: int
) -> None:
    """Write ``_metadata`` of a folder of parts.

    Args:
        folder: of the parts.
        schema: their columns.
        metadata: what holds for the whole table.
        n_parts: their number.
    """
    where = folder / METADATA_FILE
    with pq.ParquetWriter(where, schema, store_schema=False) as writer:
        writer.add_key_value_metadata(metadata)
    whole = pq.read_metadata(where)
    for index in range(n_parts):
        footer = pq.read_metadata(folder / part_name(index))
        footer.set_file_path(part_name(index))
        whole.append_row_groups(footer)
    whole.write_metadata_file(where)
    on_the_disk(where)


def on_the_disk(path: Path) -> None:
    """Wait until a file's content has reached the disk."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def in_place(temporary: Path, path: Path) -> None:
    """Move a finished file or folder to its place; what was there before goes."""
    if temporary.is_dir():
        if path.is_file():
            path.unlink()
        put_in_place(temporary, path)
        return
    on_the_disk(temporary)
    if path.is_dir():
        aside = path.with_name(f".{path.name}.old")
        path.rename(aside)
        temporary.replace(path)
        for file in aside.iterdir():
            file.unlink()
        aside.rmdir()
        return
    temporary.replace(path)
