"""`semdim certify`: what an SAE changes in its model, certified on a text. Starts without torch."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from semdim.commands import options
from semdim.commands.refusal import guarded

EPILOG = """
Examples:

  semdim certify --model HuggingFaceTB/SmolLM2-135M --sae models/sae/smollm2-135m_layer15
  --text english --tokens 20000 --out certificate

  semdim certify --model gpt2 --sae gpt2-small-res-jb/blocks.8.hook_resid_pre --text 'notes/*.md'

Writes certificate.json, certificate.html, CARD.md, saebench.json and ledger.parquet, all or
none of them; `semdim verify certificate.json --ledger FOLDER` recomputes every number.
"""


def certify(
    model: Annotated[str, typer.Option(help=options.MODEL)],
    sae: Annotated[str, typer.Option(help="RELEASE/ID of SAELens's registry, or a folder")],
    text: Annotated[str, typer.Option(help=options.TEXTS)],
    tokens: options.Tokens = 20_000,
    out: Annotated[
        Path, typer.Option(help="the output folder; it must not exist, or be empty")
    ] = Path("certificate"),
    context: options.Context = 128,
    windows: options.Windows = 4,
    baseline: Annotated[
        str, typer.Option(help="what recovered loss is measured against: zero | mean | both | none")
    ] = "zero",
    failure_prob: options.FailureProb = 0.05,
    smoothing: Annotated[float, typer.Option(help="α in (0, 1), of losses and KL")] = 0.5,
    backend: options.Backend = "transformers",
    dtype: options.Dtype = "float32",
    device: options.Device = "auto",
    batch: options.Batch = 16,
    seed: options.Seed = 0,
    hook_check: Annotated[
        bool, typer.Option(help="refuse an SAE that does not fit its hook point")
    ] = True,
    date_column: options.DateColumn = None,
    frozen_at: options.FrozenAt = None,
    older: Annotated[
        str,
        typer.Option(
            help="with dates: what to do with documents not younger than the model: "
            "drop|refuse|only"
        ),
    ] = "drop",
    apart: options.Apart = True,
    plan: options.Plan = False,
) -> None:
    """Certify what a sparse autoencoder changes in its model, on your text."""
    from semdim.certificate.run import Request, certificate_for
    from semdim.certificate.write import FILES, check_free, write_new

    request = guarded(
        lambda: Request(
            model=model,
            sae=sae,
            text=text,
            n_tokens=tokens,
            context=context,
            windows=windows,
            baseline=baseline,
            failure_prob=failure_prob,
            smoothing=smoothing,
            backend=backend,
            compute_dtype=dtype,
            device=device,
            batch_sequences=batch,
            seed=seed,
            check_hook=hook_check,
            date_column=date_column,
            frozen_at=frozen_at,
            older=older,
            apart=apart,
        )
    )
    guarded(lambda: check_free(out))
    for line in request.plan():
        print(line, file=sys.stderr)
    print(f"writes     {', '.join(FILES)}, ledger.parquet in {out}", file=sys.stderr)
    if plan:
        return
    found, ledger = guarded(
        lambda: certificate_for(request, say=lambda line: print(line, file=sys.stderr))
    )
    guarded(lambda: write_new(found, ledger, out))
    print(found)
    print(f"-> {out}")
