"""A threshold with a certified risk: which tokens are let through, and what is promised of them."""

from dataclasses import dataclass
from pathlib import Path

from semdim.errors import ArtifactError, ConfigError
from semdim.monitor.token_scores import TokenScore, token_score
from semdim.reading import read_json
from semdim.records import KEY, read_record
from semdim.results.risk_thresholds import RiskCurve, RiskPoint, RiskThresholds
from semdim.uncertainty.guardrail import Provenance


@dataclass(frozen=True)
class Selection:
    """One certified threshold of a risk_thresholds.json."""

    file: RiskThresholds
    """As the pipeline calibrated it."""
    provenance: Provenance
    """What it is for."""
    curve: RiskCurve
    """The loss that is meant."""
    point: RiskPoint
    """The risk that is meant."""
    threshold: float
    """That of the point."""

    @property
    def score(self) -> TokenScore:
        """What is compared with the threshold."""
        return token_score(self.file.score)

    def lets_through(self, value: float) -> bool:
        """Whether a token with this score is let through."""
        if self.curve.lets_through == "at most":
            return value <= self.threshold
        return value >= self.threshold


def read_selection(
    path: Path | str, *, risk: float | None = None, outcome: str | None = None
) -> Selection:
    """A certified threshold from a risk_thresholds.json that the stage measure_errors wrote.

    Args:
        path: the file.
        risk: what the risk may be, in the unit of the loss: of the risks that were certified, the
            largest that is no larger. All of a curve hold at once, so any may be chosen after
            looking. None: the only one.
        outcome: ``top1_error`` or ``loss``; None: top1_error where the file has it.

    Raises:
        ArtifactError: the file is missing, damaged, of another version, or does not say what it is
            for.
        ConfigError: it has no such loss, or no certified risk that fits.
    """
    file = read_record(Path(path), RiskThresholds)
    if file.provenance is None:
        raise ArtifactError(
            f"{path} does not say which model and SAE its thresholds are for (provenance is null); "
            f"{RiskThresholds.WRITTEN_BY} writes it again."
        )
    token_score(file.score)  # refuses one that no monitor computes
    curve = _curve(file, outcome, path)
    certified = [point for point in curve.points if point.threshold is not None]
    if not certified:
        raise ConfigError(
            f"{path} has no threshold for the loss {curve.outcome}: none was certified on "
            f"{curve.n_documents} documents for the score {file.score}; calibrate on more "
            "documents, or set errors.monitor_score to a more informative score."
        )
    fitting = [point for point in certified if risk is None or point.target_risk <= risk]
    if not fitting or (risk is None and len(fitting) > 1):
        asked = "is wanted" if risk is None else f"of at most {risk:g} was certified"
        have = ", ".join(
            f"{point.target_risk:.4g} (lets through at least {point.coverage:.0%})"
            for point in certified
        )
        problem = "does not say which risk" if risk is None else "is asked for a risk, but none"
        raise ConfigError(
            f"{path} {problem} {asked}: choose --risk among those that were, in "
            f"{curve.unit}: {have}."
        )
    point = max(fitting, key=lambda one: one.target_risk)
    assert point.threshold is not None
    return Selection(file, file.provenance, curve, point, point.threshold)


def is_selection(path: Path | str) -> bool:
    """Whether a file says that it holds thresholds with a certified risk.

    Raises ArtifactError when it cannot be read.
    """
    if not Path(path).exists():
        return False  # whoever reads it says so
    content = read_json(Path(path), advice=f"{RiskThresholds.WRITTEN_BY} writes it again")
    return str(content.get(KEY, "")).split("/")[0] == RiskThresholds.SCHEMA.split("/")[0]


def _curve(file: RiskThresholds, outcome: str | None, path: Path | str) -> RiskCurve:
    curves = {curve.outcome: curve for curve in file.curves}
    if not curves:
        raise ConfigError(f"{path} has no thresholds: errors.target_shares named no risk.")
    if outcome is None:
        return curves.get("top1_error") or file.curves[0]
    for name, curve in curves.items():
        if name == outcome:
            return curve
    raise ConfigError(
        f"{path} has no thresholds for the loss {outcome!r}: choose one of {', '.join(curves)}."
    )
