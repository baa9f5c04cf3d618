"""The guardrail's threshold as the pipeline wrote it, and whether it belongs to what is watched."""

from dataclasses import dataclass
from pathlib import Path

from semdim.errors import ArtifactError, MismatchError
from semdim.records import read_record
from semdim.uncertainty.guardrail import Guardrail

HOW_TO_GET_ONE = (
    "No threshold: nothing can be called an alarm. `make repro` calibrates one and writes it to "
    "results/probes/<probe>/guardrail.json."
)


@dataclass(frozen=True)
class Watched:
    """What a monitor looks at: everything on which a threshold depends."""

    model: str
    model_fingerprint: str
    sae: str
    sae_fingerprint: str
    hook_name: str
    splice: str
    """Which positions count: with no_bos neither position 0 nor BOS is looked at."""
    context: int
    """Tokens of a sequence, BOS included."""
    dict_size: int
    compute_dtype: str
    """dtype of the model's forward pass; the SAE encodes in float32."""
    constant_n_active: bool
    """True for a TopK SAE, whose k is the same at every token."""


@dataclass(frozen=True)
class Threshold:
    """Two alarms calibrated on the same documents, each with a promise of its own."""

    max_n_active: float
    """Alarm when n_active of any scored token is above it."""
    window_n_active: float
    """Alarm when the mean n_active of any `window` consecutive scored tokens is above it."""
    window: int
    """Tokens in that mean."""
    false_alarm_rate: float
    """What each of the two alarms promises on a fresh document like those of the calibration."""
    guarantee: str
    """The promise in words, with its conditions."""
    n_calibration: int
    """Documents it was calibrated on, one sequence of each."""
    model: str
    model_fingerprint: str
    sae: str
    sae_fingerprint: str
    hook_name: str
    splice: str
    context: int
    compute_dtype: str
    """dtype of the calibration's forward passes."""


def read_threshold(path: Path | str) -> Threshold:
    """The threshold in a guardrail.json that the stage measure_uncertainty wrote.

    Raises ArtifactError when the file is missing, damaged, or does not say what it is for.
    """
    guardrail = read_record(Path(path), Guardrail)
    source = guardrail.provenance
    if source is None:
        raise ArtifactError(
            f"{path} does not say which model and SAE its threshold is for (provenance is null); "
            "`make repro` writes it anew."
        )
    return Threshold(
        max_n_active=guardrail.threshold,
        window_n_active=guardrail.window.threshold,
        window=guardrail.window.length,
        false_alarm_rate=guardrail.false_alarm_rate,
        guarantee=guardrail.guarantee,
        n_calibration=guardrail.n_calibration,
        model=source.model,
        model_fingerprint=source.model_fingerprint,
        sae=source.sae,
        sae_fingerprint=source.sae_fingerprint,
        hook_name=source.hook_name,
        splice=source.splice,
        context=source.context,
        compute_dtype=source.compute_dtype,
    )


def check_belongs(threshold: Threshold, watched: Watched) -> None:
    """Refuse, with MismatchError, a threshold that was calibrated on anything else."""
    pairs = (
        ("model", threshold.model_fingerprint, watched.model_fingerprint),
        ("SAE", threshold.sae_fingerprint, watched.sae_fingerprint),
    )
    names = {"model": (threshold.model, watched.model), "SAE": (threshold.sae, watched.sae)}
    for what, theirs, ours in pairs:
        if theirs != ours:
            raise MismatchError(
                f"This threshold was calibrated for the {what} {names[what][0]} with fingerprint "
                f"{theirs[:12]}, but the {what} here is {names[what][1]} with fingerprint "
                f"{ours[:12]}: calibrate one for it with `make repro`."
            )
    for what, theirs, ours in (
        ("at the hook point", threshold.hook_name, watched.hook_name),
        ("with the splice", threshold.splice, watched.splice),
        ("on sequences of the context", str(threshold.context), str(watched.context)),
    ):
        if theirs != ours:
            raise MismatchError(
                f"This threshold was calibrated {what} {theirs}, not {ours}: "
                f"calibrate one for that with `make repro`."
            )
