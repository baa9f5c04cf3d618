"""plot: the figures and tables of all models, from the small results."""

from semdim.plots.draw import draw_all
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    results = run.paths.all_results
    written = draw_all(results, results.parent, run.settings.grid.model)
    with run.tracked("plot") as tracked:
        tracked.figures(path for path in written if path.suffix == ".png")
    for path in written:
        say(str(path))


if __name__ == "__main__":
    main()
