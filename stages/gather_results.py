"""gather_results: which results belong to this run; one probe more in the chain."""

from semdim.artifacts import chain
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    folder, link = run.results, run.paths.gathered_results(run.probe)
    files = sorted(path for path in folder.iterdir() if path.suffix in (".csv", ".json"))
    for name in run.setting("grid.questions"):
        files += sorted(run.paths.answer_results(run.probe, name).iterdir())
    chain.extend(run.paths.gathered_results(run.after("probe")), link, run.probe, files)
    say(f"results of {', '.join(chain.names(link))}")


if __name__ == "__main__":
    main()
