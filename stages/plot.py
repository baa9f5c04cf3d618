"""plot: the figures and tables of all probes, from the small results."""

from semdim.artifacts import chain
from semdim.plots.draw import draw_all, left_out_of
from stages.support.run import Run, say
from stages.support.startup import stage
from stages.support.track import tracked


@stage
def main(run: Run) -> None:
    results = run.paths.all_results
    probes = chain.names(run.paths.gathered_results(run.setting("axes.last_probe")))
    written = draw_all(results, results.parent, probes)
    with tracked(run, "plot") as log:
        log.figures(path for path in written if path.suffix == ".png")
    for path in written:
        say(str(path))
    for name, reason in left_out_of(results.parent / "figures").items():
        say(f"left out {name}: {reason}")


if __name__ == "__main__":
    main()
