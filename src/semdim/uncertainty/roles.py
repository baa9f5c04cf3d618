"""Which corpus is familiar, and which of the others were made from it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pandas as pd

from semdim.errors import ConfigError
from semdim.uncertainty.guardrail import Role
from semdim.uncertainty.rows import origins

if TYPE_CHECKING:
    from semdim.ledger.facts import LedgerFacts

ROLES: tuple[Role, ...] = get_args(Role)


def sources_of(facts: "LedgerFacts") -> list[str] | None:
    """The source of each document by its number; None where fewer than two are known."""
    return [facts.sources[index] for index in facts.document_sources] or None


def id_corpus(ledgers: Mapping[str, Any], roles: Mapping[str, str]) -> str:
    """Name of the one corpus whose role is "id".

    Raises ``ConfigError`` for an unknown role, a corpus without ledger or ledger without role, and
    for no ID corpus or several.
    """
    unknown = {name: role for name, role in roles.items() if role not in ROLES}
    if unknown:
        name, role = next(iter(unknown.items()))
        raise ConfigError(f"Corpus {name!r} has role {role!r}; roles are {', '.join(ROLES)}.")
    if absent := sorted(set(roles) - set(ledgers)):
        raise ConfigError(f"No ledger was given for corpus {', '.join(map(repr, absent))}.")
    if absent := sorted(set(ledgers) - set(roles)):
        raise ConfigError(f"No role was given for corpus {', '.join(map(repr, absent))}.")
    familiar = [name for name, role in roles.items() if role == "id"]
    if len(familiar) != 1:
        raise ConfigError(
            f"{len(familiar)} corpora have role 'id' ({', '.join(familiar) or 'none'}); exactly "
            "one must have it, because the others are compared with it."
        )
    return familiar[0]


def origin_of(
    document: np.ndarray | pd.DataFrame,
    corpus: str,
    id_name: str,
    role: str,
    names: Mapping[str, Sequence[str]],
) -> np.ndarray:
    """The ID document that each of the documents was made from, or −1 (``rows.origins``).

    document: numbers of documents; of a data frame those of its rows.

    Raises ``ConfigError`` when a near shift comes without document names.
    """
    if isinstance(document, pd.DataFrame):
        document = document["document"].to_numpy(dtype=np.int64)
    if corpus in names and id_name in names:
        return origins(document, names[corpus], names[id_name], corpus)
    if role == "near":
        raise ConfigError(
            f"Corpus {corpus!r} is a near shift, made from ID documents; run_study needs "
            f"document_names of {corpus!r} and {id_name!r} to tell which."
        )
    return np.full(len(document), -1)
