"""What the further ledger says of a token's code: how deep it reaches into the order of atoms."""

from torch import Tensor

from semdim.artifacts.shards import Artifact
from semdim.atoms.rank import DEEPEST_RANK, deepest_rank
from semdim.codes.encode import codes_of_shard
from stages.support.losses import OfCode
from stages.support.run import Run


def of_further_ledger(run: Run) -> OfCode:
    """The rank of the deepest atom, read off codes that are not stored."""
    order = Artifact.open(run.paths.atom_order(run.probe)).read(0)["order"]

    def columns(shard: dict[str, Tensor], is_special: Tensor) -> dict[str, Tensor]:
        return {DEEPEST_RANK: deepest_rank(codes_of_shard(shard, len(order)), order)}

    return columns
