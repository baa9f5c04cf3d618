"""`semdim rank`: many SAEs of one model, ranked with intervals. Starts without torch."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from semdim.commands import options
from semdim.commands.refusal import guarded, refusal
from semdim.errors import ConfigError

EPILOG = """
Examples:

  semdim rank --model HuggingFaceTB/SmolLM2-135M --sae 'saes/*' --text english --tokens 40000
  --out ranking

  semdim rank --model google/gemma-3-270m --release 'gemma-scope-2-270m-*' --text notes --plan

  semdim rank --ledger 'outputs/probes/*/ledger/english.parquet' --out ranking

Writes rank.csv, pairs.csv, documents.csv, rank.json, faithfulness.png and order.png, and below
saes/ a file for each SAE as soon as it is measured: a second run continues from there.
"""


def rank(
    model: Annotated[str | None, typer.Option(help=options.MODEL)] = None,
    text: Annotated[
        str | None,
        typer.Option(help=options.TEXTS),
    ] = None,
    ledger: Annotated[
        list[str] | None,
        typer.Option(help="instead of these: globs of existing ledgers; can be repeated"),
    ] = None,
    sae: Annotated[
        list[str] | None,
        typer.Option(help="a folder, a folder of folders, a glob, or RELEASE/ID; can be repeated"),
    ] = None,
    release: Annotated[
        list[str] | None,
        typer.Option(help="a glob of releases in SAELens's registry; can be repeated"),
    ] = None,
    hook: Annotated[
        str | None, typer.Option(help="with --release: only SAEs at this hook point")
    ] = None,
    tokens: options.Tokens = 20_000,
    out: Annotated[Path, typer.Option(help="the output folder, or the one to resume")] = Path(
        "ranking"
    ),
    context: options.Context = 128,
    windows: options.Windows = 1,
    cap: Annotated[
        float, typer.Option(help="c, the most bits that a document counts for in the ranking")
    ] = 1.0,
    failure_prob: options.FailureProb = 0.05,
    smoothing: Annotated[float, typer.Option(help="α in (0, 1), of the losses")] = 0.5,
    backend: options.Backend = "transformers",
    dtype: options.Dtype = "float32",
    device: options.Device = "auto",
    batch: options.Batch = 16,
    seed: options.Seed = 0,
    date_column: options.DateColumn = None,
    frozen_at: options.FrozenAt = None,
    apart: options.Apart = True,
    plan: options.Plan = False,
) -> None:
    """Rank autoencoders of one model by how little they change it, with intervals."""
    from semdim.rank.spec import RankSpec
    from semdim.rank.write import FILES, check_place, write_ranking

    ranking = guarded(lambda: RankSpec(failure_prob=failure_prob, cap=cap, smoothing=smoothing))
    guarded(lambda: check_place(out))
    if ledger:
        from semdim.rank.ledgers import rank_ledgers

        guarded(lambda: _check_alone(model, text, sae, release))
        ranked, values = guarded(lambda: rank_ledgers(ledger, ranking))
        write_ranking(ranked, values, out)
        print(ranked)
        print(f"-> {out}")
        return
    if model is None or text is None:
        raise refusal("semdim rank needs --model, --text and --sae or --release; or --ledger.")
    from semdim.rank.candidates import find_candidates
    from semdim.rank.plan import plan as planned
    from semdim.rank.request import RankRequest
    from semdim.rank.run import measure_all

    request = guarded(
        lambda: RankRequest(
            model=model,
            text=text,
            n_tokens=tokens,
            context=context,
            windows=windows,
            backend=backend,
            compute_dtype=dtype,
            device=device,
            batch_sequences=batch,
            seed=seed,
            date_column=date_column,
            frozen_at=frozen_at,
            apart=apart,
            ranking=ranking,
        )
    )
    candidates = guarded(lambda: find_candidates(sae or [], release or [], model, hook=hook))
    for line in guarded(lambda: planned(request, candidates, out)).lines:
        print(line, file=sys.stderr)
    print(f"writes     {', '.join(FILES)} in {out}", file=sys.stderr)
    if plan:
        for candidate in candidates:
            print(candidate.name)
        return
    found = guarded(
        lambda: measure_all(request, candidates, out, say=lambda line: print(line, file=sys.stderr))
    )
    if not found.measured:
        reasons = "".join(f" {one.name}: {one.reason}" for one in found.skipped)
        raise refusal(f"None of the {len(found.skipped)} SAEs could be measured.{reasons}")
    table = guarded(lambda: found.table(request))
    write_ranking(table, found.measured, out)
    print(table)
    for line in found.timings():
        print(line, file=sys.stderr)
    print(f"-> {out}")


def _check_alone(model: object, text: object, sae: object, release: object) -> None:
    """Refuse what ledgers say already."""
    given = {"--model": model, "--text": text, "--sae": sae, "--release": release}
    named = [name for name, value in given.items() if value]
    if named:
        raise ConfigError(f"{', '.join(named)} cannot be combined with --ledger: leave it out.")
