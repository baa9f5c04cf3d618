"""measure_uncertainty: Table 1, the out-of-distribution study, the guardrail, from tables."""

from semdim.artifacts import chain
from semdim.ledger.radii import radii_table
from semdim.ledger.table import read_ledger, read_table
from semdim.records import write_record
from semdim.results.setup import setup_of
from semdim.results.write_sparsity import write_sparsity
from semdim.uncertainty.guardrail import Provenance
from semdim.uncertainty.join import join_scores
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
    files = {name: paths.ledger(probe, name) for name in names}
    read = {name: read_ledger(path) for name, path in files.items()}
    scores = {name: read_table(paths.scores(run.model, run.hook, name)) for name in names}
    facts, sample = {name: found for name, (_, found) in read.items()}, run.setting("grid.sample")
    spec = run.read("uncertainty", UncertaintySpec)
    study = run_study(
        {name: join_scores(read[name][0], scores[name][0], name) for name in names},
        roles,
        spec,
        run.setting("seed"),
        vocab_size=facts[sample].vocab_size,
        document_names={name: found.documents for name, found in facts.items()},
        activation_fit=scores[sample][1]["activation_fit"],
        groups=sources_of(facts[sample]) if spec.guardrail_by_source else None,
    )
    study.write(run.results, Provenance.of(probe, facts[sample]))
    write_record(run.results / "setup.json", setup_of(facts, sample, roles))
    for note in study.verdict.warnings:
        say(f"note: {note}")
    radii = radii_table({name: rows for name, (rows, _) in read.items()})
    statistics = write_sparsity(run.results, study.sparsity, radii)
    with tracked(run, "measure_uncertainty") as log:
        log.table("sparsity", study.sparsity)
        log.table("uncertainty", study.uncertainty)
        log.numbers({"n_active": statistics})
        log.files(f"{probe}-ledgers", "ledger", files.values())
    for corpus, numbers in statistics.items():
        mean, most = numbers["mean"], numbers["max"]
        say(f"{run.label} on {corpus}: k has mean {mean:.1f}, maximum {most:.0f}")


if __name__ == "__main__":
    main()
