"""Sparse codes: CSR from the moment they leave the encoder.

"Active" has one definition in semdim, `active`: a code value greater than 0 after the SAE's own
threshold.
Within a row the atoms are ordered by their contribution c_j‖d_j‖, largest first (rows of the
decoder have unit norm, so by c_j), so that the k largest are a prefix.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int32, Int64
from torch import Tensor

from semdim.errors import DataError


@dataclass(frozen=True)
class Codes:
    """Codes of ``rows`` tokens over ``dict_size`` atoms."""

    row_starts: Int64[Tensor, " rows_plus_1"]
    atoms: Int32[Tensor, " nonzeros"]
    values: Float[Tensor, " nonzeros"]
    dict_size: int

    def __len__(self) -> int:
        return len(self.row_starts) - 1

    @property
    def n_active(self) -> Int64[Tensor, " rows"]:
        """k of each token."""
        return self.row_starts.diff()

    @property
    def row_of(self) -> Int64[Tensor, " nonzeros"]:
        """The row of each stored value."""
        return torch.repeat_interleave(
            torch.arange(len(self), device=self.row_starts.device), self.n_active
        )

    @property
    def norm(self) -> Float[Tensor, " rows"]:
        """‖c‖₂ of each token."""
        squares = torch.zeros(len(self), dtype=torch.float64, device=self.values.device)
        squares.index_add_(0, self.row_of, self.values.double().square())
        return squares.sqrt().float()

    def keep(self, mask: Bool[Tensor, " nonzeros"]) -> "Codes":
        """The same rows with only the values where ``mask`` holds."""
        counts = torch.zeros(len(self), dtype=torch.int64, device=self.values.device)
        counts.index_add_(0, self.row_of, mask.long())
        starts = torch.zeros_like(self.row_starts)
        starts[1:] = counts.cumsum(0)
        return Codes(starts, self.atoms[mask], self.values[mask], self.dict_size)

    def top(self, k: int) -> "Codes":
        """Hard truncation to the k largest contributions of each row.

        Raises:
            DataError: k is not between 1 and the dictionary size.
        """
        if not 1 <= k <= self.dict_size:
            raise DataError(
                f"k = {k} is not possible: this dictionary has {self.dict_size} atoms, so choose "
                f"k between 1 and {self.dict_size}."
            )
        rank = torch.arange(len(self.atoms), device=self.atoms.device)
        return self.keep(rank - self.row_starts[:-1][self.row_of] < k)

    def rows(self, start: int, stop: int) -> "Codes":
        """Rows ``start`` to ``stop``, as a view."""
        first, last = int(self.row_starts[start]), int(self.row_starts[stop])
        return Codes(
            self.row_starts[start : stop + 1] - first,
            self.atoms[first:last],
            self.values[first:last],
            self.dict_size,
        )

    def to(self, device: torch.device | str) -> "Codes":
        """The same codes on ``device``."""
        return Codes(
            self.row_starts.to(device),
            self.atoms.to(device),
            self.values.to(device),
            self.dict_size,
        )

    def to_dense(self) -> Float[Tensor, "rows dict_size"]:
        """The dense matrix: for tests and tiny inputs only."""
        dense = torch.zeros(len(self), self.dict_size, dtype=self.values.dtype)
        dense[self.row_of, self.atoms.long()] = self.values
        return dense

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of one shard on disk."""
        return {"row_starts": self.row_starts, "atoms": self.atoms, "values": self.values}


def is_active(code: Float[Tensor, "*shape"]) -> Bool[Tensor, "*shape"]:
    """Where an atom is active, in a dense code after the SAE's own threshold: the definition."""
    return code > 0


def from_dense(dense: Float[Tensor, "rows dict_size"]) -> Codes:
    """Sparse codes of a dense batch of feature activations.

    Raises:
        DataError: a value is NaN, infinite or negative.
    """
    # One pass, where two comparisons made five; of a NaN both ends are NaN.
    low, high = torch.aminmax(dense) if dense.numel() else (dense.new_zeros(()),) * 2
    if not (float(low) >= 0.0 and float(high) < math.inf):
        raise DataError(
            "The SAE's encoder returned NaN, infinite or negative codes; check that the SAE "
            "belongs to this model and hook point."
        )
    row, atom = is_active(dense).nonzero(as_tuple=True)
    value = dense[row, atom].float()
    order = value.argsort(descending=True, stable=True)
    order = order[row[order].argsort(stable=True)]
    starts = torch.zeros(len(dense) + 1, dtype=torch.int64, device=dense.device)
    starts[1:] = torch.bincount(row, minlength=len(dense)).cumsum(0)
    return Codes(starts, atom[order].int(), value[order], dense.shape[1])


def concatenate(parts: list[Codes]) -> Codes:
    """Codes of several batches, one after another."""
    n_active = torch.cat([part.n_active for part in parts])
    starts = torch.zeros(len(n_active) + 1, dtype=torch.int64, device=n_active.device)
    starts[1:] = n_active.cumsum(0)
    return Codes(
        starts,
        torch.cat([part.atoms for part in parts]),
        torch.cat([part.values for part in parts]),
        parts[0].dict_size,
    )


def decode(
    codes: Codes,
    weight: Float[Tensor, "dict_size d_model"],
    bias: Float[Tensor, " d_model"],
) -> Float[Tensor, "rows d_model"]:
    """Reconstruction D·c + b of each row, by gathering only the active atoms."""
    summed = F.embedding_bag(
        codes.atoms.long(),
        weight,
        codes.row_starts[:-1],
        mode="sum",
        per_sample_weights=codes.values.to(weight.dtype),
    )
    return summed + bias
