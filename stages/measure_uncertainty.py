"""measure_uncertainty: Table 1, the out-of-distribution study, the guardrail, from tables."""

from semdim.artifacts import chain
from semdim.ledger.parts import files_of
from semdim.ledger.radii import radii_table
from semdim.ledger.stream import LedgerStream
from semdim.ledger.table import read_metadata
from semdim.records import write_record
from semdim.results.setup import setup_of
from semdim.results.write_sparsity import write_sparsity
from semdim.uncertainty.guardrail import Provenance
from semdim.uncertainty.roles import sources_of
from semdim.uncertainty.spec import UncertaintySpec
from semdim.uncertainty.study import run_study
from stages.support.run import Run, say
from stages.support.startup import stage
from stages.support.track import tracked


@stage
def main(run: Run) -> None:
    paths, probe, roles = run.paths, run.probe, run.setting("axes.role")
    names = chain.names(paths.gathered(probe, run.setting("axes.last_corpus")))
    tables = {name: paths.scores(run.model, run.hook, name) for name in names}
    ledgers = {
        name: LedgerStream(paths.ledger(probe, name), table, is_ledger=False)
        for name, table in tables.items()
    }
    facts, sample = {name: each.facts for name, each in ledgers.items()}, run.setting("grid.sample")
    spec = run.read("uncertainty", UncertaintySpec)
    study = run_study(
        ledgers,
        roles,
        spec,
        run.setting("seed"),
        vocab_size=facts[sample].vocab_size,
        document_names={name: found.documents for name, found in facts.items()},
        activation_fit=read_metadata(tables[sample])["activation_fit"],
        groups=sources_of(facts[sample]) if spec.guardrail_by_source else None,
    )
    study.write(run.results, Provenance.of(probe, facts[sample]))
    write_record(run.results / "setup.json", setup_of(facts, sample, roles))
    for note in study.verdict.warnings:
        say(f"note: {note}")
    radii = radii_table(ledgers)
    statistics = write_sparsity(run.results, study.sparsity, radii)
    with tracked(run, "measure_uncertainty") as log:
        log.table("sparsity", study.sparsity)
        log.table("uncertainty", study.uncertainty)
        log.numbers({"n_active": statistics})
        files = [file for each in ledgers.values() for file in files_of(each.path)]
        log.files(f"{probe}-ledgers", "ledger", files)
    for corpus, numbers in statistics.items():
        mean, most = numbers["mean"], numbers["max"]
        say(f"{run.label} on {corpus}: k has mean {mean:.1f}, maximum {most:.0f}")


if __name__ == "__main__":
    main()
