"""measure_uncertainty: Table 1, the out-of-distribution study, the guardrail, from tables."""

from semdim.artifacts import chain
from semdim.ledger.table import read_ledger
<<<<<<< HEAD
<<<<<<< HEAD
from semdim.results.write import setup_facts, write_setup, write_sparsity
=======
from semdim.results.write_setup import setup_facts
>>>>>>> wt-figs
from semdim.uncertainty.join import join_scores
from semdim.uncertainty.spec import UncertaintySpec
=======
from semdim.results.write import setup_facts
from semdim.uncertainty.guardrail import Provenance
from semdim.uncertainty.join import join_scores
>>>>>>> wt-unc
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
    scores = {name: read_ledger(paths.scores(run.model, run.hook, name)) for name in names}
    facts, sample = {name: found for name, (_, found) in read.items()}, run.setting("grid.sample")
    study = run_study(
<<<<<<< HEAD
        {name: join_scores(read[name][0], scores[name][0], name) for name in names},
        roles,
        run.read("uncertainty", UncertaintySpec),
        run.setting("seed"),
        vocab_size=facts[sample]["vocab_size"],
        document_names={name: found["documents"] for name, found in facts.items()},
        activation_fit=scores[sample][1]["activation_fit"],
    )
    study.write(run.results, facts[sample].provenance(probe))
    write_setup(run.results, setup_facts(facts, sample, roles))
=======
        {name: join_scores(read[name][0], table, name) for name, (table, _) in scores.items()},
        {name: settings.corpora[name].role for name in read},
        settings.uncertainty,
        settings.seed,
        vocab_size=sample["vocab_size"],
        document_names={name: of_table["documents"] for name, of_table in facts.items()},
        activation_fit=scores[settings.grid.sample][1]["activation_fit"],
    )
    folder = run.results
    study.write(folder, Provenance(probe=model, **{key: sample[key] for key in PROVENANCE}))
    engine = {"batch_sequences": settings.engine.batch_sequences}
    write_json(folder / "setup.json", setup_facts(facts, settings.grid.sample, engine))
>>>>>>> wt-unc
    for note in study.verdict.warnings:
        say(f"note: {note}")
    statistics = write_sparsity(run.results, study.sparsity)
    with tracked(run, "measure_uncertainty") as log:
        log.table("sparsity", study.sparsity)
        log.table("uncertainty", study.uncertainty)
        log.numbers({"n_active": statistics})
        log.files(f"{probe}-ledgers", "ledger", files.values())
    for corpus, numbers in statistics.items():
        say(f"{probe} on {corpus}: k has mean {numbers['mean']:.1f}, maximum {numbers['max']:.0f}")


if __name__ == "__main__":
    main()
