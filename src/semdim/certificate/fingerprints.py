"""What a certificate was made from, as digests: tokens and the whole ledger."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from semdim.text.samples import TokenSample

ADDED = ("independence", None)
TOKEN_COLUMNS = ("document", "sequence", "position", "token_id")


def tokens_fingerprint(rows: "pd.DataFrame") -> str:
    """SHA-256 of the tokens, and of what sequence and document they stand in."""
    return _digest(rows, TOKEN_COLUMNS)


def sample_fingerprint(sample: "TokenSample") -> str:
    """The same, before there is a ledger."""
    import pandas as pd

    n_sequences, context = sample.token_ids.shape
    columns = {
        "document": np.repeat(sample.document, context),
        "sequence": np.repeat(np.arange(n_sequences), context),
        "position": np.tile(np.arange(context), n_sequences),
        "token_id": sample.token_ids.ravel(),
    }
    return tokens_fingerprint(pd.DataFrame(columns))


def ledger_fingerprint(rows: "pd.DataFrame", facts: Any) -> str:
    """SHA-256 of every column of a ledger, by name, and of its facts."""
    digest = hashlib.sha256(_digest(rows, sorted(map(str, rows.columns))).encode())
    plain = facts.as_dict() if hasattr(facts, "as_dict") else vars(facts)
    # A fact that ledgers once did not have: where there is none, their fingerprints are theirs.
    plain = {name: value for name, value in plain.items() if (name, value) != ADDED}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, default=str)
    digest.update(text.encode())
    return digest.hexdigest()


def _digest(rows: "pd.DataFrame", columns: "list[str] | tuple[str, ...]") -> str:
    digest = hashlib.sha256()
    for name in columns:
        values = rows[name].to_numpy(na_value=np.nan) if name in rows.columns else np.empty(0)
        # One width, so that what a file or a data frame makes of a type changes nothing.
        values = np.ascontiguousarray(values, dtype=np.float64)
        values[np.isnan(values)] = np.nan
        digest.update(f"{name}:{len(values)}:".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
