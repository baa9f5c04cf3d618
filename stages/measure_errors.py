"""measure_errors: does k know when the model is wrong? Scores against its own errors."""

from semdim.artifacts import chain
from semdim.ledger.stream import LedgerStream
from semdim.mistakes.spec import ErrorsSpec
from semdim.mistakes.study import Settings, measure_errors
from semdim.uncertainty.guardrail import Provenance
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    paths, probe = run.paths, run.probe
    names = chain.names(paths.gathered(probe, run.setting("axes.last_corpus")))
    ledgers = {
        name: LedgerStream(
            paths.ledger(probe, name), paths.scores(run.model, run.hook, name), is_ledger=False
        )
        for name in names
    }
    facts = ledgers[run.setting("grid.sample")].facts
    found = measure_errors(
        ledgers,
        run.setting("axes.role"),
        run.read("errors", ErrorsSpec),
        Settings(
            fit_share=run.setting("uncertainty.fit_share"),
            choice_share=run.setting("uncertainty.guardrail_choice_share"),
            false_alarm_rate=run.setting("uncertainty.false_alarm_rate"),
            smoothing=run.setting("bound.smoothing"),
            seed=run.setting("seed"),
        ),
        vocab_size=facts.vocab_size,
        document_names={name: each.facts.documents for name, each in ledgers.items()},
        provenance=Provenance.of(probe, facts),
    )
    found.write(run.results)
    for note in found.record.notes:
        say(f"note: {note}")
    for verdict in found.record.verdicts:
        say(
            f"{run.label}, {verdict.outcome}: k has {verdict.measure} {verdict.value:.3f} "
            f"({verdict.low:.3f} to {verdict.high:.3f}), the best score, {verdict.best}, "
            f"{verdict.best_value:.3f}; given position, frequency and entropy k has a partial rank "
            f"correlation of {verdict.partial:.3f} ({verdict.partial_low:.3f} to "
            f"{verdict.partial_high:.3f})"
        )


if __name__ == "__main__":
    main()
