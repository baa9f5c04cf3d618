"""assemble_bound: every bound family at every N, from the ledger of the in-distribution sample.

With other settings than those of params.yaml it computes a point of a sweep; see
stages/support/points.py.
"""

import json

from semdim.bounds.assemble import assemble_all
from semdim.bounds.calibration import deepest_ranks
from semdim.bounds.family import BoundFacts
from semdim.bounds.per_token import k_and_loss
from semdim.bounds.predeclared import shared
from semdim.bounds.spec import BoundSpec
from semdim.bounds.summary import at_largest_n, headline, in_a_line, reasons
from semdim.bounds.unigram_crossing import against_unigram
from semdim.ledger.parts import files_of
from semdim.records import write_record
from semdim.results.write_bounds import write_bounds
from semdim.results.write_proxies import ledger_summary
from stages.support.run import Run, say
from stages.support.sample import check_computed, n_candidates, read_sample
from stages.support.startup import stage
from stages.support.track import tracked


@stage
def main(run: Run) -> None:
    run = run.changed(**shared(json.loads(run.unit.swept or "{}"), run.setting("bound")))
    spec = run.read("bound", BoundSpec)
    ledger, facts = read_sample(run)
    check_computed(run, ledger, spec, "bound")
    ranks = deepest_ranks(ledger, facts.splice)
    found = assemble_all(
        ledger, BoundFacts.from_mapping(facts, n_candidates=n_candidates(run)), spec, max_rank=ranks
    )
    left_out = reasons(found.left_out)
    for reason in left_out:
        say(f"{run.label}: left out {reason}")
    summary = headline(found.bounds, spec.smoothing)
    summary |= against_unigram(found.bounds, ledger, spec.smoothing)
    tables = write_bounds(
        run.results, found.bounds, summary, ledger, facts, spec.smoothing, left_out
    )
    if run.point is None:  # it depends on no setting of a sweep but the size of the bound
        published = at_largest_n(found.bounds, "as_published", spec.smoothing)
        write_record(run.results / "k_and_loss.json", k_and_loss(ledger, published, seed=spec.seed))
    run.record(summary)
    with tracked(run, "assemble_bound") as log:
        log.curves(tables["curve"], "bound")
        log.table("proxies", tables["proxies"])
        log.table("ledger", ledger_summary(ledger))
        log.numbers(summary)
        file = run.paths.ledger(run.probe, run.setting("grid.sample"))
        log.files(f"{run.probe}-ledger", "ledger", files_of(file))
    say(f"{run.label}: {in_a_line(summary)}")


if __name__ == "__main__":
    main()
