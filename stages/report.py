"""report: one self-contained page that tells the story of the results."""

from semdim.report.build import write_report
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    say(f"{write_report(run.paths.all_results, run.paths.report, run.settings.grid.model)}")


if __name__ == "__main__":
    main()
