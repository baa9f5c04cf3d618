"""sweep_bound: the certificate over N and k, from the ledger of the in-distribution sample."""

import pandas as pd

from semdim.artifacts.shards import write_atomically
from semdim.bounds.aggregate import sequence_losses
from semdim.bounds.assemble import BoundFacts, needed_proxies
from semdim.bounds.surface import COLUMNS, surface
from semdim.results.schema import check_columns
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    spec = run.settings.surface_grid
    ledger, facts = run.read_sample(spec, "surface")
    sample = sequence_losses(
        ledger,
        needed_proxies(spec),
        spec.smoothing,
        facts["vocab_size"],
        keep_tokens=spec.unit == "token",
    )
    rows = surface(sample, BoundFacts.from_mapping(facts), spec)
    table = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    check_columns("surface", table)
    text = table.to_csv(index=False, float_format="%.8g", lineterminator="\n")
    write_atomically(run.results / "surface.csv", text)
    with run.tracked("sweep_bound") as tracked:
        tracked.table("surface", table)
    for row in rows:
        if row["is_best"]:
            say(f"{run.model}: N = {row['n_tokens']}: k* = {row['k']}, {row['total']:.3f} bits")
    if not rows:
        say(f"{run.model}: no surface, because grid.sweep has no proxy topk_<k>")


if __name__ == "__main__":
    main()
