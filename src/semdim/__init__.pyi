# What type checkers see of the exports that are made when they are first used.
from semdim.bounds.certify import certify as certify
from semdim.bounds.result import Bound as Bound
from semdim.errors import SemdimError as SemdimError
from semdim.ledger.facts import LedgerFacts as LedgerFacts
from semdim.ledger.memory import Ledger as Ledger
from semdim.measure import measure as measure

__all__ = ["Bound", "Ledger", "LedgerFacts", "SemdimError", "certify", "measure"]
__version__: str
