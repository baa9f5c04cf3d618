"""gather_ledgers: which ledgers and score tables belong to this run; one corpus more."""

from semdim.artifacts import chain
from semdim.ledger.parts import files_of
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    paths, probe, corpus = run.paths, run.probe, run.corpus
    tables = (paths.ledger(probe, corpus), paths.scores(run.model, run.hook, corpus))
    files = [file for table in tables for file in files_of(table)]
    link = paths.gathered(probe, corpus)
    chain.extend(paths.gathered(probe, run.after("corpus")), link, corpus, files)
    say(f"{probe}: {', '.join(chain.names(link))}")


if __name__ == "__main__":
    main()
