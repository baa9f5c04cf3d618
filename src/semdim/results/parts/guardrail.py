"""The guardrail's figures in docs/ood.md: what it promises, what it catches."""

from semdim.results.guardrail import guardrail_of
from semdim.results.pages import Repository, part, table
from semdim.results.parts.ood import SHORT, the_probe
from semdim.uncertainty.guardrail import Guardrail


@part("ood_rule")
def rule(repository: Repository) -> str:
    """The rule, and how its statistic was chosen."""
    found = _guardrail(repository)
    alarm = found.alarm
    return (
        f"Here the rule is: {alarm.rule}. {alarm.n_choice} English documents chose the statistic, "
        f"{alarm.n_calibration} others calibrate it: the threshold is the {alarm.rank}th of their "
        f"{alarm.n_calibration} values"
        + (
            f", and the {alarm.rank_with_confidence}th for one that keeps to the rate in "
            f"{alarm.confidence:.0%} of all calibrations".replace("%", " %")
            if alarm.rank_with_confidence is not None
            else ""
        )
        + "."
    )


@part("ood_alarms")
def alarms(repository: Repository) -> str:
    """Shares of documents with an alarm, beside the paper's rule."""
    found = _guardrail(repository)
    measured, strict = found.measured, found.measured_with_confidence
    fixed = {row.corpus: row for row in found.fixed_rule.corpora if row.positions == "without_bos"}
    spread = found.stability
    header = [
        "share of documents with an alarm", "this split", "other splits: mean (5 % to 95 %)",
        "threshold with 95 % confidence", f"the paper's k > {found.fixed_rule.threshold}",
    ]  # fmt: skip
    lines = [
        [
            f"English, {measured.false_alarms.n_documents} documents held out (false alarms)",
            _share(measured.false_alarms.rate),
            f"{_share(spread.false_alarm_rate.mean)} "
            f"({_share(spread.false_alarm_rate.q05)} to {_share(spread.false_alarm_rate.q95)})",
            "" if strict is None else _share(strict.false_alarms.rate),
            _share(fixed["english"].document_rate),
        ]
    ]
    for shift, words in SHORT.items():
        across = spread.detection[shift]
        lines.append(
            [
                words,
                _share(measured.detection[shift].rate),
                f"{_share(across.mean)} ({_share(across.q05)} to {_share(across.q95)})",
                "" if strict is None else _share(strict.detection[shift].rate),
                _share(fixed[shift].document_rate),
            ]
        )
    return table(header, lines)


def _guardrail(repository: Repository) -> Guardrail:
    found = guardrail_of(the_probe(repository))
    assert found is not None, "docs/ood holds guardrail.json"
    return found


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
