"""summarise_run: the numbers by which runs are compared, and the settings that they belong to."""

from semdim.artifacts.shards import write_atomically, write_json
from semdim.results.write_metrics import params_text, run_metrics
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    folder = run.results
    metrics = run_metrics(folder)
    write_json(folder / "metrics.json", metrics)
    write_atomically(folder / "params.yaml", params_text(run.params, run.model))
    say(f"{run.model}: {metrics}")


if __name__ == "__main__":
    main()
