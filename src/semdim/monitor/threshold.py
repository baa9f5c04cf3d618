"""The guardrail's threshold as the pipeline wrote it, and whether it belongs to what is watched."""

from dataclasses import dataclass
from pathlib import Path

from semdim.errors import ArtifactError, ConfigError, MismatchError
from semdim.records import read_record
from semdim.uncertainty.guardrail import Alarm, Guardrail, Limit, Provenance

HOW_TO_GET_ONE = (
    "There is no threshold, so nothing can be called an alarm. `make repro` calibrates one and "
    "writes it to results/probes/<probe>/guardrail.json."
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
    """The alarm of a guardrail.json, and which of its thresholds are meant."""

    alarm: Alarm
    """As the pipeline calibrated it."""
    provenance: Provenance
    """What it is for."""
    with_confidence: bool = False
    """Whether the larger thresholds are meant, which hold with ``alarm.confidence``."""
    group: str | None = None
    """The group of documents whose own thresholds are meant; None: those of all documents."""

    def __post_init__(self) -> None:
        """Raises ConfigError when the file has no such thresholds."""
        known = self.alarm.groups
        if self.group is not None and not (self.group in known and known[self.group].limits):
            have = ", ".join(name for name, own in known.items() if own.limits) or "none"
            raise ConfigError(
                f"There are no thresholds for the group {self.group!r}; there are some for: {have}."
            )
        if self.with_confidence and any(
            limit.threshold_with_confidence is None for limit in self.limits
        ):
            raise ConfigError(
                "This guardrail has no thresholds that hold with confidence: it was calibrated on "
                f"{self.n_calibration} documents, which are too few; leave out --confident, or "
                "calibrate on more."
            )

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The thresholds, of the group that is meant."""
        return self.alarm.limits if self.group is None else self.alarm.groups[self.group].limits

    @property
    def n_calibration(self) -> int:
        """Documents that they were calibrated on."""
        if self.group is None:
            return self.alarm.n_calibration
        return self.alarm.groups[self.group].n_calibration

    @property
    def guarantee(self) -> str:
        """What is promised, with its conditions."""
        alarm = self.alarm
        return alarm.guarantee_with_confidence if self.with_confidence else alarm.guarantee

    def value(self, limit: Limit) -> float:
        """What a statistic is compared with at this look."""
        larger = limit.threshold_with_confidence
        return larger if self.with_confidence and larger is not None else limit.threshold


def read_threshold(
    path: Path | str, *, with_confidence: bool = False, group: str | None = None
) -> Threshold:
    """The threshold in a guardrail.json that the stage measure_uncertainty wrote.

    Raises ArtifactError when the file is missing, damaged, of another version, or does not say what
    it is for; ConfigError when it has no such thresholds.
    """
    guardrail = read_record(Path(path), Guardrail)
    if guardrail.provenance is None:
        raise ArtifactError(
            f"{path} does not say which model and SAE its threshold is for (provenance is null); "
            f"{Guardrail.WRITTEN_BY} writes it again."
        )
    return Threshold(guardrail.alarm, guardrail.provenance, with_confidence, group)


def check_belongs(source: Provenance, watched: Watched) -> None:
    """Refuse, with MismatchError, a threshold that was calibrated on anything else."""
    pairs = (
        ("model", source.model_fingerprint, watched.model_fingerprint),
        ("SAE", source.sae_fingerprint, watched.sae_fingerprint),
    )
    names = {"model": (source.model, watched.model), "SAE": (source.sae, watched.sae)}
    for what, theirs, ours in pairs:
        if theirs != ours:
            raise MismatchError(
                f"This threshold was calibrated for the {what} {names[what][0]} with fingerprint "
                f"{theirs[:12]}, but the {what} here is {names[what][1]} with fingerprint "
                f"{ours[:12]}: calibrate one for it with `make repro`."
            )
    for what, theirs, ours in (
        ("at the hook point", source.hook_name, watched.hook_name),
        ("with the splice", source.splice, watched.splice),
        ("on sequences of the context", str(source.context), str(watched.context)),
    ):
        if theirs != ours:
            raise MismatchError(
                f"This threshold was calibrated {what} {theirs}, not {ours}: "
                f"calibrate one for that with `make repro`."
            )
