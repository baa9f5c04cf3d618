"""measure_rounding: k of the first tokens of every corpus, in float32 and in bfloat16."""

from semdim.artifacts import chain
from semdim.ledger.table import read_ledger
from semdim.saes.load import load_sae
from semdim.uncertainty.rounding import READ, FirstTokens, rounding_rows, write_rounding
from semdim.uncertainty.rounding_spec import RoundingSpec
from stages.support.load import load_split, start_engine
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    probe, n_tokens = run.probe, run.read("rounding", RoundingSpec).n_tokens
    if not n_tokens:
        write_rounding(run.results, ())
        return say(f"{probe}: rounding is not measured, because rounding.n_tokens = 0")
    device, first = start_engine(run), {}
    for name in chain.names(run.paths.gathered(probe, run.setting("axes.last_corpus"))):
        rows, facts = read_ledger(run.paths.ledger(probe, name), list(READ))
        first[name] = FirstTokens.of(rows, facts.context, n_tokens)
    found = rounding_rows(
        first.items(),
        run.compute_dtype,
        load_split(run, device, "float32"),
        load_sae(run.paths.sae(probe), device=device),
        batch_sequences=run.setting("engine.batch_sequences"),
        threshold=run.setting("uncertainty.fixed_threshold"),
    )
    for row in write_rounding(run.results, found).to_dict("records"):
        say(
            f"{probe} on {row['corpus']}: {row['equal']:.1%} of {row['n_tokens']} tokens have the "
            f"same k in float32 and bfloat16; mean {row['mean_float32']:.1f} and "
            f"{row['mean_bfloat16']:.1f}, maximum {row['max_float32']} and {row['max_bfloat16']}"
        )


if __name__ == "__main__":
    main()
