"""What a kind of proxy declares, and the registry of kinds.

A new kind is one module in `semdim.proxies.kinds`, named like the kind and ending with its
registration, or a module from outside that calls ``PROXIES.add``. Names, losses and ledger find it
through the registry, and none of them imports a kind by name: what was computed for one proxy does
not depend on the code of another.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from semdim.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from semdim.artifacts.protocols import ShardSource


@dataclass(frozen=True)
class Materials:
    """What a kind may make its replacement of."""

    size: int | None
    """The number behind the name; None where the kind has none."""
    weight: "Tensor"
    """Decoder [dict_size, d_model], rows of unit norm."""
    bias: "Tensor"
    """The decoder's offset [d_model]."""
    seed: int
    """Of whatever is drawn at random."""
    atom_order: "Tensor | None" = None
    """Atoms [dict_size], first the one that enters a pool first; None where there is no order."""
    activations: "ShardSource | None" = None
    """The activations of the sample at the hook point; None: they are not given."""


#: Takes activations [rows, d_model] and their codes (`semdim.codes.sparse.Codes`); gives what
#: stands in the activations' place at every position, before the splice lets any through.
Replacement = Callable[["Tensor", Any], "Tensor"]


class ProxyKind(ABC):
    """What the proxies of one kind have in common.

    A kind's module imports torch only inside `prepare`, so that reading a name stays light.
    """

    says: str
    """What it puts at the hook point, in words; ``{size}`` stands for the number."""
    counts: str | None = None
    """What the number behind the name counts, as in the column ``n_active`` of ``topk_<k>``; None:
    the name carries no number. A number is at least 1 and at most the size of the dictionary."""
    letter: str = "n"
    """What messages call the number."""
    obeys_splice: bool = True
    """Whether the splice applies, and a suffix ``_no_bos`` or ``_all`` may fix it."""
    needs_order: bool = False
    """Whether it needs an order of the atoms."""
    needs_activations: bool = False
    """Whether it needs all activations of the sample beforehand."""
    has_scores: bool = False
    """Whether the scores of the next-token distribution are kept with its losses."""

    @abstractmethod
    def prepare(self, materials: Materials) -> Replacement:
        """Do once what does not depend on the tokens; what is returned is called per batch."""

    def form(self, name: str) -> str:
        """How its names look, for messages: ``topk_<k>``."""
        return name if self.counts is None else f"{name}_<{self.letter}>"


PROXIES: Registry[ProxyKind] = Registry("proxy", "semdim.proxies.kinds")
