"""What a selection lets through, in words, and what is promised of it."""

from semdim.monitor.reading import Reading
from semdim.monitor.selection import Selection
from semdim.results.risk_thresholds import RiskCurve

WRONG = "another token than the next is more probable"


def selection_verdict(reading: Reading, selection: Selection) -> str:
    """How much is let through, at which threshold; and the promise."""
    n_compared, n_held = len(reading.compared), len(reading.held_back)
    if not n_compared:
        return "Nothing was compared, because no token of the text has a prediction that is judged."
    return (
        f"{n_compared - n_held} of {n_compared} tokens ({1 - n_held / n_compared:.0%}) are let "
        f"through: those with {rule(selection)}. {promise(selection)}"
    )


def rule(selection: Selection) -> str:
    """Which tokens are let through: "a k of at most 30 active atoms"."""
    value = selection.score.shown(selection.threshold)
    return f"{selection.score.words} of {selection.curve.lets_through} {value}"


def promise(selection: Selection) -> str:
    """The certificate in one sentence."""
    curve, point = selection.curve, selection.point
    return (
        f"{risk_in_words(curve, point.target_risk)}, and at least {point.coverage:.1%} of the "
        f"tokens are let through, with probability {1 - curve.failure_prob:g} over calibrations."
    )


def risk_in_words(curve: RiskCurve, risk: float) -> str:
    """A bound on the risk."""
    if curve.outcome == "top1_error":
        return f"Of the tokens let through at most {risk:.1%} are wrong ({WRONG})"
    return f"The mean loss of the tokens let through is at most {risk:.3f} bits"


def selection_conditions(reading: Reading, selection: Selection) -> list[str]:
    """Unit, loss, α, δ, n and assumptions of the certificate."""
    file, curve, point = selection.file, selection.curve, selection.point
    smoothing = "" if curve.smoothing is None else f" with α = {curve.smoothing:g}"
    said = [
        f"The unit: a document is drawn from the source of the corpus {file.corpus!r}, then one "
        f"of the tokens that predict another in its first {file.sequences_per_document} full "
        f"sequences of {selection.provenance.context - 1} tokens. The promise is about such a "
        "token, a mean over documents; it promises nothing about this one text.",
        f"The loss: {curve.loss}{smoothing}, from {curve.low:.4g} to {curve.high:.4g} "
        f"({curve.unit}). δ = {curve.failure_prob:g} for all {len(curve.points)} risks of the file "
        f"and their coverages together, so that any of them may be chosen. Calibrated on "
        f"{curve.n_tokens:,} tokens of {curve.n_documents} documents, where the risk is "
        f"{point.measured_risk:.4g} and {point.measured_coverage:.1%} are let through; "
        f"{curve.n_design_documents} others fixed the thresholds beforehand.",
        f"Assumed: {'; '.join(file.assumptions)}.",
        f"Source: {file.source}.",
    ]
    return said + not_covered(reading, selection)


def not_covered(reading: Reading, selection: Selection) -> list[str]:
    """What no theorem covers: of this very text, and of other sources, where it was measured."""
    said = []
    n_tokens = selection.provenance.context - 1
    beyond = [item for item in reading.sequences if not item.is_promised]
    if beyond:
        said.append(
            f"No theorem covers {len(beyond)} of the {len(reading.sequences)} sequences: they come "
            f"after the first {selection.file.sequences_per_document} of the text, or are not full."
        )
    elif len(reading.sequences) == 1 and len(reading.tokens) - 1 < n_tokens:
        said.append(
            f"No theorem covers this text as it is: it ends after {len(reading.tokens) - 1} of "
            f"the {n_tokens} tokens of a sequence, and calibration left such texts out. The "
            "promise holds only if it is the beginning of a longer text."
        )
    if any(token.is_generated for token in reading.tokens):
        said.append(
            "No theorem covers the tokens that the model wrote: calibration used text that people "
            "wrote, and a model's own first choice is never wrong by this measure."
        )
    if not selection.point.elsewhere:
        said.append("No theorem covers documents of another source, and none was measured.")
    for name, found in selection.point.elsewhere.items():
        risk = "nothing is let through"
        if found.risk is not None:
            shown = (
                f"{found.risk:.1%}"
                if selection.curve.outcome == "top1_error"
                else f"{found.risk:.3f} bits"
            )
            kept = "above" if found.risk > selection.point.target_risk else "not above"
            risk = f"{found.coverage:.1%} is let through with a risk of {shown}, {kept} the promise"
        said.append(
            f"No theorem covers documents like those of {name!r} ({found.role}): measured on "
            f"{found.n_documents} of them, {risk}."
        )
    ours, theirs = reading.watched.compute_dtype, selection.provenance.compute_dtype
    if ours != theirs:
        said.append(
            f"No theorem covers scores in another precision: calibrated in {theirs}, measured in "
            f"{ours}."
        )
    return said
