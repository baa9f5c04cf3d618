"""Artifacts of one model and corpus -> the ledger's columns, shard by shard."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from jaxtyping import Int, Int32
from torch import Tensor

from semdim.activations.norms import familiar_activations
from semdim.artifacts.protocols import ShardSource, is_stored
from semdim.atoms.rank import DEEPEST_RANK, deepest_rank
from semdim.codes.encode import codes_of_shard
from semdim.codes.source import NORMS, token_columns
from semdim.errors import ArtifactError
from semdim.ledger.facts import CodesFacts
from semdim.ledger.table import PER_PROXY, build_table
from semdim.tokens.sample import bos_mask

MODEL_SCORES = ("max_prob", "entropy", "energy", "top1_error")
_SUMS = (
    "error", "centred", "error_with_outliers", "centred_with_outliers", "n_tokens", "n_outliers",
    "n_active",
)  # fmt: skip


@dataclass(frozen=True)
class LedgerPart:
    """The sequences of one shard."""

    first: int
    """Index of its first sequence within the sample."""
    token_ids: np.ndarray
    """int32 [s, T]."""
    per_token: dict[str, np.ndarray]
    """Arrays [s, T]."""
    per_prediction: dict[str, np.ndarray]
    """Arrays [s, T − 1]: a loss for each proxy, and the model's scores."""
    atoms: np.ndarray | None = None
    """Atoms that are active at its positions that are not special, each once; None: not asked."""

    def table(self, document: Int32[np.ndarray, " sequences"]) -> pa.Table:
        """Its rows of the ledger; ``document`` is that of every sequence of the sample."""
        of_part = document[self.first : self.first + len(self.token_ids)]
        return build_table(
            self.token_ids, of_part, self.per_token, self.per_prediction, None, first=self.first
        )


def norm_columns(activations: ShardSource) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
    """How the norms of a shard are had: computed from stored activations, or read where
    `cache_activations` kept the norms alone (``engine.store_activations: false``)."""
    if is_stored(activations):
        reference = familiar_activations(activations)
        return lambda shard: dict(reference.columns(shard["activation"]))
    return dict


def base_parts(
    token_ids: Int[Tensor, "sequences context"],
    norms_source: ShardSource,
    codes: ShardSource,
    losses: Mapping[str, ShardSource],
    *,
    bos_token_id: int,
) -> Iterator[LedgerPart]:
    """The columns that every ledger has, and the losses of ``losses``; one shard in memory at a
    time. NaN stands in sequences that a proxy was not run on.

    Args:
        token_ids: the sample.
        norms_source: its activations, or their norms where they are not stored.
        codes: its codes, in the same shards, or what `token_columns` kept of them.
        losses: by proxy; ``model`` is among them and covers the sample.

    Raises:
        ArtifactError: the losses of the proxy ``model`` are missing, or the artifacts are not
            of the same tokens.
    """
    if "model" not in losses:
        raise ArtifactError("The ledger needs the losses of the proxy 'model'; compute them first.")
    for artifact in (norms_source, losses["model"]):
        _check_as_long(artifact, codes)
    norms = norm_columns(norms_source)
    takes = [_padded(name, artifact) for name, artifact in losses.items()]
    shards = zip(_sequences(token_ids, codes), norms_source, losses["model"], strict=True)
    for (first, ids, shard), norm_shard, of_model in shards:
        if len(of_model["nll"]) != len(ids):
            raise _other_tokens(losses["model"], codes)
        per_prediction = _together(take(len(ids)) for take in takes)
        per_prediction |= {name: of_model[name].numpy() for name in MODEL_SCORES}
        norm = norms(norm_shard)
        is_bos = bos_mask(ids, bos_token_id)
        of_codes = shard if "n_active" in shard else token_columns(shard, is_bos)
        per_token = {
            **{name: of_codes[name].view(ids.shape) for name in ("n_active", *NORMS)},
            "is_bos": is_bos,
            "is_outlier": norm["is_outlier"],
            "activation_norm": norm["norm"],
            "centred_norm": norm["centred_norm"],
        }
        arrays = {name: column.numpy() for name, column in per_token.items()}
        atoms = of_codes["used_atoms"].numpy()
        yield LedgerPart(first, ids.numpy(), arrays, per_prediction, atoms)


def further_parts(
    token_ids: Int[Tensor, "sequences context"],
    codes: ShardSource,
    losses: Mapping[str, ShardSource],
    atom_order: Int[Tensor, " dict_size"],
) -> Iterator[LedgerPart]:
    """The further columns (`semdim.ledger.table`) of the same rows in the same shards as
    `base_parts`: ``deepest_rank`` and the losses of ``losses``.

    Args:
        token_ids: the sample.
        codes: its codes, or ``deepest_rank`` alone, which was kept of them.
        losses: by proxy; each may cover the first sequences of the sample alone.
        atom_order: atoms, first the one that enters a pool first.

    Raises:
        ArtifactError: the artifacts are not of the same tokens.
    """
    takes = [_padded(name, artifact) for name, artifact in losses.items()]
    for first, ids, shard in _sequences(token_ids, codes):
        rank = shard.get(DEEPEST_RANK)
        if rank is None:
            rank = deepest_rank(codes_of_shard(shard, len(atom_order)), atom_order)
        per_prediction = _together(take(len(ids)) for take in takes)
        per_token = {DEEPEST_RANK: rank.view(ids.shape).numpy()}
        yield LedgerPart(first, ids.numpy(), per_token, per_prediction)


def joined(base: Iterable[LedgerPart], further: Iterable[LedgerPart]) -> Iterator[LedgerPart]:
    """The columns of both, where one table is to hold all of them."""
    for one, other in zip(base, further, strict=True):
        yield LedgerPart(
            one.first,
            one.token_ids,
            one.per_token | other.per_token,
            one.per_prediction | other.per_prediction,
            one.atoms,
        )


def _sequences(
    token_ids: Int[Tensor, "sequences context"], codes: ShardSource
) -> Iterator[tuple[int, Tensor, dict[str, Tensor]]]:
    """Each shard of codes with its first sequence and the ids of its tokens."""
    first, context = 0, token_ids.shape[1]
    for shard in codes:
        of_tokens = shard["code_norm"] if "code_norm" in shard else shard[DEEPEST_RANK]
        n_sequences, rest = divmod(len(of_tokens), context)
        ids = token_ids[first : first + n_sequences]
        if rest or len(ids) < n_sequences:
            raise _other_sample(codes, f"more than {first}", token_ids)
        yield first, ids, shard
        first += n_sequences
    if first != len(token_ids):
        raise _other_sample(codes, str(first), token_ids)


def _other_sample(codes: ShardSource, found: str, token_ids: Tensor) -> ArtifactError:
    return ArtifactError(
        f"{codes.folder} holds {found} sequences, but the tokens have {len(token_ids)}: they come "
        "from different samples; recompute it with `dvc repro --force`."
    )


def _other_tokens(artifact: ShardSource, codes: ShardSource) -> ArtifactError:
    return ArtifactError(
        f"{codes.folder} and {artifact.folder} hold different tokens; recompute both with `dvc "
        "repro --force`."
    )


def _check_as_long(artifact: ShardSource, codes: ShardSource) -> None:
    if len(artifact) != len(codes):
        raise ArtifactError(
            f"{artifact.folder} has {len(artifact)} shards, {codes.folder} has {len(codes)}: they "
            "hold different tokens; recompute both with `dvc repro --force`."
        )


def _there(losses: ShardSource) -> list[str]:
    """The columns of `PER_PROXY` that an artifact has."""
    found = []
    for name in PER_PROXY:
        try:
            losses.shape(0, name)
        except KeyError:
            continue
        found.append(name)
    return found


def _together(columns: Iterable[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: values for some in columns for name, values in some.items()}


def _padded(proxy: str, losses: ShardSource) -> Callable[[int], dict[str, np.ndarray]]:
    """Takes a shard's number of sequences and gives the columns of a proxy, NaN where there are
    none: it may have been run on the first sequences of the sample alone."""
    shards, last = enumerate(losses), len(losses) - 1
    width = losses.shape(0, "nll")[1]
    names = {tensor: f"{tensor}_{proxy}" for tensor in _there(losses)}

    def take(n_sequences: int) -> dict[str, np.ndarray]:
        index, shard = next(shards, (last, None))
        n_there = 0 if shard is None else len(shard["nll"])
        absent = n_sequences - n_there
        if absent < 0 or (absent > 0 and index != last):
            raise ArtifactError(
                f"{losses.folder} was not computed on the sample's tokens; recompute it with `dvc "
                "repro --force`."
            )
        columns = {}
        for tensor, name in names.items():
            empty = np.empty((0, width), np.float32)
            values = empty if shard is None else shard[tensor].numpy()
            columns[name] = np.pad(values, ((0, absent), (0, 0)), constant_values=np.nan)
        return columns

    return take


@dataclass
class CorpusFacts:
    """What the ledger's facts say of a corpus's codes, summed up shard by shard."""

    _sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_SUMS, 0.0))
    _atoms: np.ndarray | None = None

    def add(self, columns: Mapping[str, np.ndarray], atoms: np.ndarray | None = None) -> None:
        """Count in the tokens of one shard: arrays [s, T] by the ledger's names, and its atoms."""
        if atoms is not None:
            self._atoms = atoms if self._atoms is None else np.union1d(self._atoms, atoms)
        inside = ~columns["is_bos"]
        error, centred = (
            np.square(columns[name], dtype=np.float64)
            for name in ("reconstruction_error", "centred_norm")
        )
        for where, suffix in ((inside & ~columns["is_outlier"], ""), (inside, "_with_outliers")):
            self._sums[f"error{suffix}"] += float(error[where].sum())
            self._sums[f"centred{suffix}"] += float(centred[where].sum())
        self._sums["n_tokens"] += float(inside.sum())
        self._sums["n_outliers"] += float((columns["is_outlier"] & inside).sum())
        self._sums["n_active"] += float(columns["n_active"][inside].sum())

    def total(self) -> CodesFacts:
        """Of all shards that were added; special positions are left out."""
        return CodesFacts(
            explained_variance=self._explained(""),
            explained_variance_with_outliers=self._explained("_with_outliers"),
            n_outliers=self._sums["n_outliers"],
            mean_n_active=self._sums["n_active"] / max(self._sums["n_tokens"], 1.0),
            n_atoms_used=None if self._atoms is None else len(self._atoms),
        )

    def _explained(self, suffix: str) -> float | None:
        centred = self._sums[f"centred{suffix}"]
        return 1.0 - self._sums[f"error{suffix}"] / centred if centred > 0 else None
