"""The ledger: one Parquet table per model and corpus, a row per token position.

Bounds, Table 1, OOD metrics, figures and a stranger's notebook all read it; none of them touches a
tensor. Facts that hold for the whole table (models, sizes, fingerprints) are in the file's own
metadata under the key ``semdim``.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from semdim.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
METADATA_KEY = b"semdim"

#: Columns that every ledger has, with their meaning and unit.
COLUMNS: dict[str, str] = {
    "document": "index of the document within the corpus sample",
    "sequence": "index of the sequence; a sequence never crosses documents",
    "position": "position within the sequence, 0 is BOS",
    "token_id": "the token at this position",
    "is_bos": "position 0 or the BOS id: what the splice no_bos lets through",
    "is_outlier": "‖h‖ above ten medians of the positions ≥ 1",
    "n_active": "k: atoms with a code above 0",
    "deepest_rank": "largest rank of an active atom in the atom order; −1 without active atoms",
    "code_norm": "‖c‖",
    "reconstruction_error": "‖h − S(h)‖",
    "activation_norm": "‖h‖",
    "centred_norm": "‖h − mean‖, mean of this corpus over positions ≥ 1 without outliers",
    "max_prob": "largest next-token probability of the model; null at the last position",
    "entropy": "entropy of the model's next-token distribution, bits; null at the last position",
    "energy": "−logsumexp of the model's logits, nats; null at the last position",
}
#: ``nll_<proxy>``: −log2 p of the NEXT token under the proxy, bits, unsmoothed; null at the last
#: position of a sequence, which predicts nothing, and in sequences that an ablation was not run on.
LOSS_PREFIX = "nll_"


def build_table(
    token_ids: np.ndarray,
    document: np.ndarray,
    per_token: Mapping[str, np.ndarray],
    per_prediction: Mapping[str, np.ndarray],
    facts: Mapping[str, Any] | None,
    *,
    first: int = 0,
) -> pa.Table:
    """Assemble the table, or a part of it.

    Args:
        token_ids: int32 [S, T].
        document: int32 [S].
        per_token: arrays [S, T] by column name.
        per_prediction: arrays [S, T − 1] by column name; NaN and the last position become null.
        facts: JSON-serialisable facts about the whole table; None in a part, see `LedgerWriter`.
        first: index of the first sequence: 0, or where a part begins.

    Raises:
        ArtifactError: a column has another shape.
    """
    n_sequences, context = token_ids.shape
    columns: dict[str, pa.Array] = {
        "document": pa.array(np.repeat(document, context).astype(np.int32)),
        "sequence": pa.array(
            np.repeat(np.arange(first, first + n_sequences, dtype=np.int32), context)
        ),
        "position": pa.array(np.tile(np.arange(context, dtype=np.int32), n_sequences)),
        "token_id": pa.array(token_ids.reshape(-1).astype(np.int32)),
    }
    for name, values in per_token.items():
        _check_shape(name, values, (n_sequences, context))
        columns[name] = pa.array(values.reshape(-1))
    last = np.zeros((n_sequences, context), dtype=bool)
    last[:, -1] = True
    for name, values in per_prediction.items():
        _check_shape(name, values, (n_sequences, context - 1))
        padded = np.zeros((n_sequences, context), dtype=np.float32)
        padded[:, :-1] = values
        columns[name] = pa.array(padded.reshape(-1), mask=(last | np.isnan(padded)).reshape(-1))
    table = pa.table(columns)
    return table if facts is None else table.replace_schema_metadata(_metadata(facts))


def _metadata(facts: Mapping[str, Any]) -> dict[bytes, bytes]:
    text = json.dumps({"schema_version": SCHEMA_VERSION, **facts}, sort_keys=True)
    return {METADATA_KEY: text.encode()}


class LedgerWriter:
    """A ledger written part by part, so that it is never in memory as a whole.

    The file appears under ``path`` when ``finish`` has written the facts, or not at all.

    Args:
        path: of the ledger.
        rows: rows that are gathered before they are written as one row group.
    """

    def __init__(self, path: Path, *, rows: int = 2**16) -> None:
        self.path = path
        self.n_rows = 0
        self._rows = rows
        self._waiting: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = path.with_name(f".{path.name}.tmp")

    def append(self, part: pa.Table) -> None:
        """Take the next rows: what `build_table` makes without facts."""
        self._waiting.append(part)
        if sum(table.num_rows for table in self._waiting) >= self._rows:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        self._waiting = []
        if self._writer is None:
            # Without its own copy of the schema the file takes facts that come last.
            self._writer = pq.ParquetWriter(
                self._temporary, table.schema, compression="zstd", store_schema=False
            )
        self._writer.write_table(table, row_group_size=table.num_rows)
        self.n_rows += table.num_rows

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write what waits and the facts, and put the file in its place.

        Raises:
            ArtifactError: there are no rows.
        """
        self._write()
        if self._writer is None:
            raise ArtifactError(f"The ledger {self.path} has no rows; the sample holds no tokens.")
        self._writer.add_key_value_metadata(_metadata(facts))
        self._writer.close()
        self._temporary.replace(self.path)


def write_ledger(table: pa.Table, path: Path) -> None:
    """Write the table, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)


def read_facts(path: Path) -> dict[str, Any]:
    """The facts of a ledger, without reading its rows.

    Raises:
        ArtifactError: the file is missing or is not a ledger.
    """
    if not path.exists():
        raise ArtifactError(f"There is no ledger at {path}; run `dvc repro` to compute it.")
    try:
        metadata = pq.read_schema(path).metadata or {}
    except pa.ArrowInvalid as error:
        raise ArtifactError(
            f"The ledger {path} is damaged ({error}); `dvc repro` recomputes it."
        ) from error
    if METADATA_KEY not in metadata:
        raise ArtifactError(f"{path} is a Parquet file but not a semdim ledger.")
    facts: dict[str, Any] = json.loads(metadata[METADATA_KEY])
    if facts.get("schema_version") != SCHEMA_VERSION:
        raise ArtifactError(
            f"{path} has schema version {facts.get('schema_version')}, this semdim reads "
            f"{SCHEMA_VERSION}; recompute it with `dvc repro --force`."
        )
    return facts


def read_ledger(
    path: Path, columns: list[str] | None = None
) -> "tuple[pd.DataFrame, dict[str, Any]]":
    """The ledger as a data frame, and its facts.

    Raises:
        ArtifactError: the file is missing, damaged, or lacks a column (the message names those
            that exist).
    """
    facts = read_facts(path)
    if columns is not None:
        existing = pq.read_schema(path).names
        absent = [name for name in columns if name not in existing]
        if absent:
            raise ArtifactError(
                f"The ledger {path} has no column {', '.join(absent)}; it has "
                f"{', '.join(existing)}. A proxy's losses are computed by adding the proxy to "
                "grid.sweep."
            )
    return pq.read_table(path, columns=columns).to_pandas(), facts


def _check_shape(name: str, values: np.ndarray, shape: tuple[int, int]) -> None:
    if values.shape != shape:
        raise ArtifactError(
            f"The column {name!r} has shape {values.shape}, the tokens have {shape}: these "
            "artifacts are not of the same sample; recompute them with `dvc repro --force`."
        )
