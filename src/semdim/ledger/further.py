"""Two files of the same rows put beside each other, after checking that they are."""

from dataclasses import replace

import pyarrow as pa

from semdim.errors import ArtifactError
from semdim.ledger.facts import LedgerFacts

#: What a row is, in every table of semdim with a row per token.
KEYS = ("document", "sequence", "position", "token_id")
_OF_THE_FILE = ("proxies", "codes")


def beside(base: pa.Table, further: pa.Table, where: str) -> pa.Table:
    """``base`` with those columns of ``further`` that it lacks; ``where`` names the two.

    Raises:
        ArtifactError: the rows are not the same, in the same order.
    """
    if base.num_rows != further.num_rows or not all(base[k].equals(further[k]) for k in KEYS):
        raise ArtifactError(
            f"{where} are not of the same rows; recompute both with `dvc repro --force`."
        )
    for name in further.column_names:
        if name not in base.column_names:
            base = base.append_column(name, further[name])
    return base


def merged(base: LedgerFacts, further: LedgerFacts, where: str) -> LedgerFacts:
    """The facts of ``base`` with the proxies of both.

    Raises:
        ArtifactError: they are of different models, SAEs, texts or settings; the message names
            what differs.
    """
    differing = [name for name in base if name not in _OF_THE_FILE and base[name] != further[name]]
    if differing:
        raise ArtifactError(
            f"{where} differ in {', '.join(differing)}, so they are not two parts of one ledger; "
            "recompute both with `dvc repro --force`."
        )
    return replace(base, proxies={**base.proxies, **further.proxies})
