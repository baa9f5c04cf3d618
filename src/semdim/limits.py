"""Upper limits of settings that count something, each with its reason; beyond one lies a slip.

A limit is far above what anybody has measured, and below what ends in a failed allocation or in
days of work before the first number. Each is a part of `semdim.fields.setting`'s rules, so that the
refusal names the setting, the limit, and why.
"""

from typing import Any


def limit(at_most: int, because: str) -> dict[str, Any]:
    """The rules of an upper limit."""
    return {"at_most": at_most, "because": because}


TOKENS = limit(10**10, "the ledger of more tokens takes over a terabyte")
"""Tokens of a corpus or of a sample."""
WINDOWS = limit(10**6, "no document has more sequences (null stands for all of them)")
"""Sequences of one document."""
ATOMS = limit(10**8, "no dictionary has more atoms")
"""Atoms of a dictionary, of a pool, or active ones."""
POSITIONS = limit(2**20, "no model reads a longer context")
"""Tokens of a sequence."""
POINTS = limit(10**6, "a share of δ that small certifies nothing")
"""Points, or autoencoders, among which δ is divided."""
WIDTH = limit(2**16, "no model has a residual stream that wide")
"""Numbers of a vector of the residual stream."""
VOCABULARY = limit(10**7, "no tokenizer has more tokens")
"""Tokens of a vocabulary."""
