"""plot: the figures and tables of all models, from the small results."""

from semdim.plots import draw_all
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    for path in draw_all(
        run.paths.all_results, run.paths.all_results.parent, run.settings.grid.model
    ):
        say(str(path))


if __name__ == "__main__":
    main()
