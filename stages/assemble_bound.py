"""assemble_bound: every bound family at every N, from the ledger of the in-distribution sample.

With other settings than those of params.yaml it computes a point of a sweep; see
stages/support/points.py.
"""

import json

from semdim.bounds.assemble import BoundFacts, assemble_ledger
<<<<<<< HEAD
from semdim.bounds.predeclared import shared
from semdim.bounds.spec import BoundSpec
from semdim.bounds.summary import headline, in_a_line
from semdim.results.write import ledger_summary, replaced_ranks, write_bounds
from stages.support.run import Run, say
from stages.support.sample import check_computed, read_sample
from stages.support.startup import stage
from stages.support.track import tracked
=======
from semdim.bounds.summary import headline
from semdim.results.write_bounds import bounds_table, curve_table
from semdim.results.write_proxies import ledger_summary, proxies_of_ledger
from stages.common import Run, say, stage
>>>>>>> wt-figs


@stage
def main(run: Run) -> None:
    run = run.changed(**shared(json.loads(run.unit.swept or "{}"), run.setting("bound")))
    spec = run.read("bound", BoundSpec)
    ledger, facts = read_sample(run)
    check_computed(run, ledger, spec, "bound")
    ranks = replaced_ranks(ledger, facts["splice"])
    bounds = assemble_ledger(ledger, BoundFacts.from_mapping(facts), spec, max_rank=ranks)
    summary = headline(bounds, spec.smoothing)
    tables = write_bounds(run.results, bounds, summary, ledger, facts, spec.smoothing)
    run.record(summary)
    with tracked(run, "assemble_bound") as log:
        log.curves(tables["curve"], "bound")
        log.table("proxies", tables["proxies"])
        log.table("ledger", ledger_summary(ledger))
        log.numbers(summary)
        file = run.paths.ledger(run.probe, run.setting("grid.sample"))
        log.files(f"{run.probe}-ledger", "ledger", [file])
    say(f"{run.probe}: {in_a_line(summary)}")


if __name__ == "__main__":
    main()
