"""gather_ledgers: which ledgers and score tables belong to this run; one corpus more."""

from semdim.artifacts import chain
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    paths, probe, corpus = run.paths, run.probe, run.corpus
    files = [paths.ledger(probe, corpus), paths.scores(run.model, run.hook, corpus)]
    link = paths.gathered(probe, corpus)
    chain.extend(paths.gathered(probe, run.after("corpus")), link, corpus, files)
    say(f"{probe}: {', '.join(chain.names(link))}")


if __name__ == "__main__":
    main()
