"""The ledger: a Parquet table per SAE and corpus, a row per token position.

Bounds, Table 1, OOD metrics, figures and a stranger's notebook all read it; none of them touches a
tensor. Facts that hold for the whole table (`semdim.ledger.facts`) are in the file's own metadata
under the key ``semdim``.

A corpus may have a second file of the same rows, with *further* columns that only bounds need (the
losses of more proxies, and the largest rank of an active atom): one more proxy then leaves the
first file as it is. `read_ledger` puts the two beside each other.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from semdim.errors import ArtifactError
from semdim.ledger.facts import SCHEMA_VERSION, LedgerFacts
from semdim.ledger.further import KEYS, beside, merged
from semdim.ledger.parts import parts_of, schema_of
from semdim.ledger.writer import METADATA_KEY, Facts, LedgerWriter, metadata_of, write_ledger
from semdim.reading import parsed_json, reading

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LedgerWriter", "write_ledger"]

#: Columns of a ledger, with their meaning and unit. All are in every ledger but ``deepest_rank``,
#: which is a further column.
COLUMNS: dict[str, str] = {
    "document": "index of the document within the corpus sample",
    "sequence": "index of the sequence; a sequence never crosses documents",
    "position": "position within the sequence, 0 is BOS",
    "token_id": "the token at this position",
    "is_bos": "position 0 or the BOS id: what the splice no_bos lets through",
    "is_outlier": "‖h‖ above ten medians of the positions ≥ 1",
    "n_active": "k: atoms with a code above 0",
    "deepest_rank": "largest rank of an active atom in the atom order; −1 without active atoms",
    "code_norm": "‖c‖, the decoder's atoms of unit norm",
    "reconstruction_norm": "‖S(h)‖",
    "reconstruction_error": "‖h − S(h)‖",
    "activation_norm": "‖h‖",
    "centred_norm": "‖h − mean‖, mean of this corpus over positions ≥ 1 without outliers",
    "max_prob": "largest next-token probability of the model; null at the last position",
    "entropy": "entropy of the model's next-token distribution, bits; null at the last position",
    "energy": "−logsumexp of the model's logits, nats; null at the last position",
    "top1_error": "1: the model has a token above the next one, else 0; null at the last position",
}
#: ``nll_<proxy>``: −log2 p of the NEXT token under the proxy, bits, unsmoothed; null at the last
#: position of a sequence, which predicts nothing, and in sequences that an ablation was not run on.
LOSS_PREFIX = "nll_"
#: ``kl_<proxy>``: KL(M‖proxy) of the smoothed predictions, bits, at the α of the facts
#: (``kl_smoothing``); from 0 to (1−α)·log2(1 + (1−α)V/α). Null where ``nll_<proxy>`` is; there is
#: none of the model.
KL_PREFIX = "kl_"
#: ``top1_agrees_<proxy>``: 1 where no token is more probable under the proxy than the model's most
#: probable one (of equals the first), else 0. Null where ``nll_<proxy>`` is; none of the model.
AGREEMENT_PREFIX = "top1_agrees_"
#: The columns that every proxy may have, without the name of the proxy behind them.
PER_PROXY = tuple(prefix.removesuffix("_") for prefix in (LOSS_PREFIX, KL_PREFIX, AGREEMENT_PREFIX))


def build_table(
    token_ids: np.ndarray,
    document: np.ndarray,
    per_token: Mapping[str, np.ndarray],
    per_prediction: Mapping[str, np.ndarray],
    facts: Facts | None,
    *,
    first: int = 0,
) -> pa.Table:
    """Assemble the table, or a part of it.

    Args:
        token_ids: int32 [S, T].
        document: int32 [S].
        per_token: arrays [S, T] by column name.
        per_prediction: arrays [S, T − 1] by column name; NaN and the last position become null.
        facts: about the whole table: a ledger's, or JSON-serialisable ones of another table; None
            in a part, see `LedgerWriter`.
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
    return table if facts is None else with_facts(table, facts)


def with_facts(table: pa.Table, facts: Facts) -> pa.Table:
    """The same table with these facts in its metadata."""
    return table.replace_schema_metadata(metadata_of(facts))


def read_metadata(path: Path) -> dict[str, Any]:
    """What a table of semdim says of itself, be it a ledger or not, without reading its rows.

    Raises:
        ArtifactError: the file is missing, damaged, or not of this schema version.
    """
    metadata = parsed_json(_metadata_text(path), path, "a table of semdim")
    if metadata.pop("schema_version", None) != SCHEMA_VERSION:
        raise ArtifactError(
            f"{path} is not of schema version {SCHEMA_VERSION}, which this semdim reads; recompute "
            "it with `dvc repro --force`."
        )
    return dict(metadata)


def read_facts(path: Path) -> LedgerFacts:
    """The facts of a ledger, without reading its rows.

    Raises:
        ArtifactError: the file is missing or damaged, or is not a ledger of this schema version.
    """
    return LedgerFacts.from_json(_metadata_text(path), str(path))


def read_table(
    path: Path, columns: list[str] | None = None
) -> "tuple[pd.DataFrame, dict[str, Any]]":
    """Rows and metadata of a table of semdim that is not a ledger, such as that of scores.

    Raises:
        ArtifactError: as `read_metadata`, or a column is missing.
    """
    metadata = read_metadata(path)
    check_columns(path, columns, schema_of(path).names)
    return _rows(path, columns).to_pandas(), metadata


def read_ledger(
    path: Path, columns: list[str] | None = None, further: Path | None = None
) -> "tuple[pd.DataFrame, LedgerFacts]":
    """The ledger as a data frame, and its facts.

    Args:
        path: the ledger.
        columns: those to read, in this order; None: all of them.
        further: a second file of the same rows, whose columns and proxies are put beside.

    Raises:
        ArtifactError: a file is missing or damaged, lacks a column (the message names those that
            exist), or the two are not of the same rows.
    """
    table, facts = read_arrow(path, columns, further)
    return table.to_pandas(), facts


def read_arrow(
    path: Path, columns: list[str] | None = None, further: Path | None = None
) -> tuple[pa.Table, LedgerFacts]:
    """`read_ledger` with the rows as a table of Arrow."""
    facts = read_facts(path)
    existing = schema_of(path).names
    if further is None:
        check_columns(path, columns, existing)
        return _rows(path, columns), facts
    of_further = read_facts(further)
    others = [name for name in schema_of(further).names if name not in existing]
    check_columns(path, columns, [*existing, *others])
    wanted = [*existing, *others] if columns is None else columns
    base, more = (
        _rows(file, [*KEYS, *(n for n in wanted if n in there and n not in KEYS)])
        for file, there in ((path, existing), (further, others))
    )
    where = f"{further} and {path}"
    return beside(base, more, where).select(wanted), merged(facts, of_further, where)


def _rows(path: Path, columns: list[str] | None) -> pa.Table:
    parts = parts_of(path)
    with reading(path, "a table of Parquet"):
        return pa.concat_tables([pq.read_table(part, columns=columns) for part in parts])


def _metadata_text(path: Path) -> str:
    if not path.exists():
        raise ArtifactError(f"There is no ledger at {path}; run `dvc repro` to compute it.")
    metadata = schema_of(path).metadata or {}
    if METADATA_KEY not in metadata:
        raise ArtifactError(f"{path} is a Parquet file but not a semdim ledger.")
    with reading(path, "a table of semdim"):
        return str(metadata[METADATA_KEY].decode())


def check_columns(path: Path, wanted: list[str] | None, existing: list[str]) -> None:
    """Refuse columns that a table lacks.

    Raises:
        ArtifactError: naming them, and those that there are.
    """
    absent = [name for name in wanted or () if name not in existing]
    if absent:
        raise ArtifactError(
            f"The ledger {path} has no column {', '.join(absent)}; it has {', '.join(existing)}. "
            "To compute a proxy's losses, add the proxy to grid.sweep."
        )


def _check_shape(name: str, values: np.ndarray, shape: tuple[int, int]) -> None:
    if values.shape != shape:
        raise ArtifactError(
            f"The column {name!r} has shape {values.shape}, but the tokens have {shape}: these "
            "artifacts come from different samples; recompute them with `dvc repro --force`."
        )
