"""sweep_bound: the certificate over N and k, from the ledger of the in-distribution sample."""

from semdim.bounds.spec import BoundSpec
from semdim.bounds.surface import SurfaceSpec, surface_of_ledger
from semdim.results.write_bounds import write_surface
from stages.support.run import Run, say
from stages.support.sample import check_computed, n_candidates, read_sample
from stages.support.startup import stage
from stages.support.track import tracked


@stage
def main(run: Run) -> None:
    ledger, facts = read_sample(run)
    proxies = [*run.setting("grid.proxy"), *run.setting("grid.sweep"), *run.setting("grid.pool")]
    bound = run.read("bound", BoundSpec)
    spec = run.read("surface", SurfaceSpec).grid(bound, tuple(proxies))
    check_computed(run, ledger, spec, "surface")
    table = write_surface(run.results, surface_of_ledger(ledger, facts, spec, n_candidates(run)))
    with tracked(run, "sweep_bound") as log:
        log.table("surface", table)
    for row in table[table["is_best"]].to_dict("records"):
        say(f"{run.label}: N = {row['n_tokens']:,}: k* = {row['k']}, {row['total']:.3f} bits")
    if not len(table):
        say(f"{run.label}: no surface, because grid.sweep has no proxy topk_<k>")


if __name__ == "__main__":
    main()
