"""assemble_bound: every bound family at every N, from the ledger of the in-distribution sample.

With other settings than those of params.yaml it computes a point of a sweep; see stages/points.py.
"""

from semdim.artifacts.shards import write_atomically, write_json
from semdim.bounds.assemble import assemble_all
from semdim.bounds.calibration import deepest_ranks
from semdim.bounds.family import BoundFacts
from semdim.bounds.summary import headline
from semdim.results.write import bounds_table, curve_table, ledger_summary, proxies_of_ledger
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    spec = run.settings.bound
    ledger, facts = run.read_sample(spec)
    max_rank = deepest_ranks(ledger, facts["splice"])
    found = assemble_all(ledger, BoundFacts.from_mapping(facts), spec, max_rank=max_rank)
    bounds = found.bounds
    for entry in found.left_out:
        say(f"{run.model}: left out {entry}")
    proxies = proxies_of_ledger(ledger, facts["proxies"], spec.smoothing, facts["vocab_size"])
    summary = headline(bounds, spec.smoothing)

    folder = run.results
    tables = {
        "bounds": bounds_table(bounds),
        "curve": curve_table(bounds, spec.smoothing),
        "proxies": proxies,
    }
    for name, table in tables.items():
        text = table.to_csv(index=False, float_format="%.8g", lineterminator="\n")
        write_atomically(folder / f"{name}.csv", text)
    write_json(folder / "bound.json", summary)
    run.record(summary)
    with run.tracked("assemble_bound") as tracked:
        tracked.curves(tables["curve"], "bound")
        tracked.table("proxies", proxies)
        tracked.table("ledger", ledger_summary(ledger))
        tracked.numbers(summary)
        file = run.paths.ledger(run.model, run.settings.grid.sample)
        tracked.files(f"{run.model}-ledger", "ledger", [file])
    if "as_published_total" not in summary:  # left out, and said so
        return
    crossing = summary["as_published_crossing_n_tokens"]
    say(
        f"{run.model}: as published {summary['as_published_total']:.3f} bits at "
        f"N = {summary['n_tokens']} tokens (log2 V = {summary['baseline']:.3f}); "
        + ("at no N" if crossing is None else f"from N = {crossing:.0f} on")
        + f" below log2 V; holdout {summary['holdout_betting_total']:.3f} bits"
    )


if __name__ == "__main__":
    main()
