# What type checkers see of the exports that are made when they are first used.
from semdim.bounds.certify import bounds_of as bounds_of
from semdim.bounds.given_values import mean_bound as mean_bound
from semdim.bounds.given_values import paired_difference as paired_difference
from semdim.bounds.result import Bound as Bound
from semdim.bounds.unpaired import unpaired_difference as unpaired_difference
from semdim.certificate.certificate import Certificate as Certificate
from semdim.certificate.certify import certify as certify
from semdim.certificate.verify import verify as verify
from semdim.errors import SemdimError as SemdimError
from semdim.ledger.facts import LedgerFacts as LedgerFacts
from semdim.ledger.memory import Ledger as Ledger
from semdim.measure import measure as measure
from semdim.rank.api import rank as rank
from semdim.rank.table import RankTable as RankTable

__all__ = [
    "Bound", "Certificate", "Ledger", "LedgerFacts", "RankTable", "SemdimError", "bounds_of",
    "certify", "mean_bound", "measure", "paired_difference", "rank", "unpaired_difference",
    "verify",
]  # fmt: skip
__version__: str
