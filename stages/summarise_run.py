"""summarise_run: the numbers by which runs are compared, and the settings that they belong to."""

from semdim.artifacts.shards import write_atomically, write_json
from semdim.flat import listed
from semdim.results.write_metrics import params_text, run_metrics
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    metrics = run_metrics(run.results)
    write_json(run.results / "metrics.json", metrics)
    settings = {
        "models": run.setting("models"),
        "probes": run.setting("probes"),
        "corpora": run.setting("corpora"),
        "tokens": run.setting("tokens"),
        "grid": {
            "corpus": run.setting("grid.corpus"),
            "sample": run.setting("grid.sample"),
            "proxy": run.setting("grid.proxy"),
            "sweep": run.setting("grid.sweep"),
            "ablation": run.setting("grid.ablation"),
            "ablation_tokens": run.setting("grid.ablation_tokens"),
            "pool": run.setting("grid.pool"),
        },
        "splice": run.setting("splice"),
        "seed": run.setting("seed"),
        "bound": run.setting("bound"),
        "surface": run.setting("surface"),
        "uncertainty": run.setting("uncertainty"),
        "rounding": run.setting("rounding"),
        "errors": run.setting("errors"),
        "engine": {"compute_dtype": run.compute_dtype, "backend": run.backend},
    }
    write_atomically(run.results / "params.yaml", params_text(settings, run.probe))
    say(f"{run.label}: {listed(metrics)}")


if __name__ == "__main__":
    main()
