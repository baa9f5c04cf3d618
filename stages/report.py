"""report: one self-contained page that tells the story of the results."""

from semdim.artifacts import chain
from semdim.report.build import write_report
from semdim.report.made import made_now
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    probes = chain.names(run.paths.gathered_results(run.setting("axes.last_probe")))
    made = made_now(run.paths.root)
    sets = run.setting("grid.questions")
    page = write_report(run.paths.all_results, run.paths.report, probes, made, questions=sets)
    say(str(page))


if __name__ == "__main__":
    main()
