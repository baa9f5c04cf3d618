"""The columns of the ledger, for docs/ledger.md."""

from semdim.ledger.table import COLUMNS
from semdim.results.pages import Repository, part, table

PER_PROXY = {
    "nll_<proxy>": "−log₂ p of the next token under the proxy, bits, not smoothed; null at the "
    "last position and in sequences on which an ablation was not run",
    "kl_<proxy>": "KL(M‖proxy) of the smoothed predictions, bits, at the α of the facts "
    "(`kl_smoothing`); null where `nll_<proxy>` is; absent for the model",
    "top1_agrees_<proxy>": "1 if the model's most probable token is also the proxy's, else 0; null "
    "where `nll_<proxy>` is; absent for the model",
}
"""What `semdim.ledger.table` says of the columns that every proxy may have."""


@part("ledger_columns")
def ledger_columns(repository: Repository) -> str:
    """A row for each column of the table, then those that every proxy has."""
    rows = [[f"`{name}`", meaning] for name, meaning in (COLUMNS | PER_PROXY).items()]
    return table(["column", "meaning"], rows)
