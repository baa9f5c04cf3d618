"""Some windows of a ledger measured again with model and autoencoder, and compared.

A certificate that agrees with its ledger may still be one of invented losses. Whoever has the model
and the autoencoder need not measure all of the ledger: of windows that are drawn after the ledger
was published, a share tells.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from semdim.certificate.run import Request, loaded
from semdim.errors import DataError
from semdim.fields import check, setting
from semdim.ledger.memory import Ledger

SHARE = 0.01
"""Part of the windows that is measured again."""
LEAST = 8
"""Windows at least, as far as there are any."""
TOLERANCE = {"float32": 5e-3}
"""Bits by which one loss may be off, by dtype: what other processors and back ends round to."""
TOLERANCE_ELSE = 0.5
"""In bfloat16 and float16."""


@dataclass(frozen=True)
class Again:
    """What is measured again."""

    model: str = setting(not_empty=True)
    """As `semdim.certificate.run.Request.model`."""
    sae: str = setting(not_empty=True)
    """As `semdim.certificate.run.Request.sae`."""
    share: float = setting(SHARE, above=0, at_most=1)
    """Part of the ledger's windows."""
    seed: int | None = setting(None, at_least=0, at_most=2**32 - 1)
    """Of the windows; None: drawn anew each time, so that nobody knows them beforehand."""
    device: str = setting("auto", choices=("auto", "cpu", "cuda", "mps"))
    """Where it runs."""

    def __post_init__(self) -> None:
        check(self, "verify")


@dataclass(frozen=True)
class Comparison:
    """One column of the ledger against what was measured again."""

    column: str
    """Its name, or the fact's that was compared."""
    n_windows: int
    """Windows that were compared."""
    largest: float
    """Largest difference of a token: bits of a loss, atoms of a count; of a fact 0 or infinity."""
    tolerance: float
    """What is taken for rounding."""
    window: int | None = None
    """The sequence with the largest difference; None: it is about none."""

    @property
    def is_equal(self) -> bool:
        """Whether the two agree up to rounding."""
        return self.largest <= self.tolerance

    def __str__(self) -> str:
        if self.n_windows == 0:
            ends = "equal" if self.is_equal else "that of another one than the ledger names"
            return f"{self.column}: {ends}"
        said = f"{self.column}: off by {self.largest:.2g} at most in {self.n_windows} windows"
        if self.is_equal:
            return f"{said} (rounding: up to {self.tolerance:g})"
        return f"{said}, the most in sequence {self.window}; rounding explains {self.tolerance:g}"


def remeasure(
    ledger: Ledger, again: Again, *, say: Callable[[str], object] = print, progress: bool = True
) -> list[Comparison]:
    """Measure some windows again, and compare losses and active atoms token by token.

    Raises:
        DataError: the ledger's windows are not whole.
        SemdimError: model or autoencoder cannot be loaded.
    """
    from semdim.measure import measure
    from semdim.saes.facts import read_facts

    facts = ledger.facts
    names = [name for name in ("model", "sae") if name in facts.proxies]
    columns = ["sequence", "token_id", "n_active", *(f"nll_{name}" for name in names)]
    rows = ledger.table.select(columns).to_pandas()
    windows = _windows(rows["sequence"].to_numpy(), facts.context)
    drawn = _drawn(len(windows), again)
    kept = np.concatenate([np.arange(windows[i], windows[i] + facts.context) for i in drawn])
    rows = rows.iloc[kept]
    ids = rows["token_id"].to_numpy(dtype=np.int32).reshape(len(drawn), facts.context)
    request = Request(
        model=again.model, sae=again.sae, text="ledger", context=facts.context,
        backend=facts.backend, compute_dtype=facts.compute_dtype, device=again.device,
    )  # fmt: skip
    with TemporaryDirectory(prefix="semdim-") as work:
        found = loaded(request, Path(work), say=say)
        sae = read_facts(found.sae_folder)
        compared = [
            _fact("model_fingerprint", facts.model_fingerprint, found.model.fingerprint),
            _fact("sae_fingerprint", facts.sae_fingerprint, sae.fingerprint),
        ]
        new = measure(
            found.backend.model,
            found.sae_folder,
            ids,
            proxies=names,
            splice=facts.splice,
            seed=facts.seed,
            bos_token_id=found.model.bos_token_id,
            progress=progress,
            of_model=found.model,
        ).rows
    bits = TOLERANCE.get(facts.compute_dtype, TOLERANCE_ELSE)
    sequences = rows["sequence"].to_numpy()
    for column in columns[2:]:
        off = _off(rows[column].to_numpy(dtype=float), new[column].to_numpy(dtype=float))
        at = int(off.argmax())
        # An atom at its threshold is active or not by rounding.
        allowed = bits if column != "n_active" else max(1.0, 0.02 * float(rows[column].max()))
        compared.append(Comparison(column, len(drawn), float(off[at]), allowed, int(sequences[at])))
    return compared


def _windows(sequence: np.ndarray, context: int) -> np.ndarray:
    """The first row of each window."""
    starts = np.flatnonzero(np.diff(sequence, prepend=sequence[0] - 1))
    lengths = np.diff(np.append(starts, len(sequence)))
    if not len(starts) or (lengths != context).any():
        raise DataError(
            f"The ledger's windows should all have {context} tokens, as its facts say: it was "
            "cut, or put together from several; measure it again."
        )
    return starts


def _drawn(n_windows: int, again: Again) -> np.ndarray:
    n_drawn = min(n_windows, max(LEAST, math.ceil(again.share * n_windows)))
    random = np.random.default_rng(again.seed)
    return np.sort(random.choice(n_windows, n_drawn, replace=False))


def _off(said: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Differences; where one of the two alone is no number, infinity."""
    off = np.abs(said - found)
    off[np.isnan(said) & np.isnan(found)] = 0.0
    return np.where(np.isnan(off), np.inf, off)


def _fact(name: str, said: str, found: str) -> Comparison:
    return Comparison(name, 0, 0.0 if said == found else math.inf, 0.0)
