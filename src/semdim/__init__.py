"""semdim: what a sparse autoencoder says, and does not say, about a language model's risk.

`measure` takes a model, an SAE and text to a `Ledger`; `certify` takes the ledger to a
`Certificate` of the SAE, `verify` holds one against its ledger, `bounds_of` gives every bound that
a ledger allows. `rank` orders several SAEs with intervals; `mean_bound`, `paired_difference` and
`unpaired_difference` certify bounded numbers of your own. They are imported when they are first
used: importing the package is light, and submodules load torch, pandas or matplotlib only when they
need them.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

__version__ = "0.2.0"

# Given as text, so that what imports semdim does not depend on all that it exports.
_HOMES = {
    "measure": "semdim.measure",
    "certify": "semdim.certificate.certify",
    "verify": "semdim.certificate.verify",
    "rank": "semdim.rank.api",
    "bounds_of": "semdim.bounds.certify",
    "mean_bound": "semdim.bounds.given_values",
    "paired_difference": "semdim.bounds.given_values",
    "unpaired_difference": "semdim.bounds.unpaired",
    "Certificate": "semdim.certificate.certificate",
    "Ledger": "semdim.ledger.memory",
    "LedgerFacts": "semdim.ledger.facts",
    "RankTable": "semdim.rank.table",
    "Bound": "semdim.bounds.result",
    "SemdimError": "semdim.errors",
}

__all__ = [
    "Bound", "Certificate", "Ledger", "LedgerFacts", "RankTable", "SemdimError", "bounds_of",
    "certify", "mean_bound", "measure", "paired_difference", "rank", "unpaired_difference",
    "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # Importing the module semdim.measure would put it in the place of its function.
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
