"""A ranking from ledgers that are there already: those of a run over many probes, say."""

import glob
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semdim.certificate.documents import Documents
from semdim.certificate.fingerprints import tokens_fingerprint
from semdim.certificate.spec import CertificateSpec
from semdim.errors import ConfigError, DataError
from semdim.rank.measured import Measured, Subject
from semdim.rank.ranking import rank_table
from semdim.rank.spec import RankSpec
from semdim.rank.table import RankTable

if TYPE_CHECKING:
    import pandas as pd

SAME = ("model", "model_fingerprint", "vocab_size", "corpus", "context", "compute_dtype", "backend")
"""What ledgers that are ranked have in common, as names of facts."""


def measured_of(
    rows: "pd.DataFrame",
    facts: Any,
    name: str,
    *,
    smoothing: float,
    key: str = "",
    training_architecture: str | None = None,
    seconds: tuple[float, float] = (0.0, 0.0),
) -> Measured:
    """What a ranking keeps of an autoencoder, from its ledger.

    Args:
        rows: of the ledger.
        facts: of the ledger.
        name: what the ranking calls it.
        smoothing: α of the losses.
        key: digest of all that its values depend on.
        training_architecture: what it was trained as, where that is known.
        seconds: what encoding and losses took.

    Raises:
        DataError: the ledger lacks a column, or holds fewer than two documents.
    """
    documents = Documents.of(rows, facts, CertificateSpec(smoothing=smoothing))
    low, high = documents.range
    windows, codes = documents.size.windows, facts.codes
    if windows is None or windows.per_document is None or codes is None:
        raise DataError(f"The ledger of {name} says nothing about its codes: write it again.")
    k = documents.counted_means({"k": documents.column("n_active")})["k"]
    variance = codes.explained_variance
    return Measured(
        name=name,
        key=key,
        sae_fingerprint=facts.sae_fingerprint,
        architecture=facts.sae_architecture,
        training_architecture=training_architecture,
        dict_size=facts.dict_size,
        hook_name=facts.hook_name,
        stated_l0=facts.sae_mean_n_active,
        n_tokens=facts.n_tokens,
        n_tokens_counted=documents.size.n_tokens,
        windows_per_document=windows.per_document,
        loss_range=high - low,
        explained_variance=variance if variance is not None and isfinite(variance) else None,
        document=tuple(documents.table.by_unit("document").document.tolist()),
        abs_gap=tuple(documents.abs_gaps().tolist()),
        change=tuple((documents.losses() - documents.losses("model")).tolist()),
        n_active=tuple(k.tolist()),
        encode_seconds=seconds[0],
        loss_seconds=seconds[1],
    )


def rank_ledgers(places: Sequence[str], spec: RankSpec) -> tuple[RankTable, tuple[Measured, ...]]:
    """Rank the autoencoders of ledgers that are of one model, text and setting.

    Args:
        places: ledgers (Parquet), folders that hold one, or globs of either.
        spec: δ, the cap and α.

    Raises:
        ConfigError: a place holds none, or two autoencoders have one name.
        DataError: two ledgers are not of the same model, tokens and settings.
        ArtifactError: a ledger is damaged.
    """
    from semdim.certificate.verify import read_ledger_at

    found: list[Measured] = []
    first: Any = None
    for path in _paths(places):
        ledger = read_ledger_at(path)
        rows, facts = ledger.rows, ledger.facts
        tokens = tokens_fingerprint(rows)
        here = {**{name: getattr(facts, name) for name in SAME}, "tokens": tokens}
        first = first or (path, here)
        for name, value in here.items():
            if value != first[1][name]:
                raise DataError(
                    f"The ledgers {first[0]} and {path} differ in {name}: rank ledgers with the "
                    "same model, text and settings."
                )
        if facts.sae in [one.name for one in found]:
            raise ConfigError(
                f"Two of the ledgers belong to an SAE called {facts.sae}: rank only one of them."
            )
        found.append(measured_of(rows, facts, facts.sae, smoothing=spec.smoothing))
    of = first[1]
    subject = Subject(
        model=of["model"],
        model_fingerprint=of["model_fingerprint"],
        corpus=of["corpus"],
        tokens_fingerprint=of["tokens"],
        n_tokens=found[0].n_tokens,
        n_tokens_counted=found[0].n_tokens_counted,
        context=of["context"],
        windows_per_document=found[0].windows_per_document,
        compute_dtype=of["compute_dtype"],
        backend=of["backend"],
    )
    return rank_table(found, spec, subject=subject), tuple(found)


def _paths(places: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for place in places:
        named = sorted(glob.glob(place)) if glob.has_magic(place) else [place]
        there = [Path(path) for path in named if Path(path).exists()]
        if not there:
            raise ConfigError(
                f"--ledger {place} is not a ledger: give a Parquet file, or a folder."
            )
        found += there
    return list(dict.fromkeys(found))
