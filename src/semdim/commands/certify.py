"""`semdim certify`: what an SAE changes in its model, certified on a text. Starts without torch."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from semdim.commands.refusal import guarded

EPILOG = """
Examples:

  semdim certify --model HuggingFaceTB/SmolLM2-135M --sae models/sae/smollm2-135m_layer15
  --text english --tokens 20000 --out certificate

  semdim certify --model gpt2 --sae gpt2-small-res-jb/blocks.8.hook_resid_pre --text 'notes/*.md'

Writes certificate.json, certificate.html, CARD.md, saebench.json and ledger.parquet, all of them or
none; `semdim verify certificate.json --ledger FOLDER` recomputes every number.
"""


def certify(
    model: Annotated[
        str, typer.Option(help="a model of the hub, a folder, or an export of semdim")
    ],
    sae: Annotated[str, typer.Option(help="RELEASE/ID of SAELens's registry, or a folder")],
    text: Annotated[
        str, typer.Option(help="a file, folder or glob: texts, or tables of them; english; c4")
    ],
    tokens: Annotated[int, typer.Option(help="N, tokens to measure, BOS included")] = 20_000,
    out: Annotated[
        Path, typer.Option(help="the folder to write; it must not be there, or be empty")
    ] = Path("certificate"),
    context: Annotated[int, typer.Option(help="tokens of a window, BOS included")] = 128,
    windows: Annotated[int, typer.Option(help="windows of a document at most")] = 4,
    baseline: Annotated[
        str, typer.Option(help="what recovered loss is measured against: zero | mean | both | none")
    ] = "zero",
    failure_prob: Annotated[float, typer.Option(help="δ in (0, 1)")] = 0.05,
    smoothing: Annotated[float, typer.Option(help="α in (0, 1), of losses and KL")] = 0.5,
    backend: Annotated[
        str, typer.Option(help="transformer_lens | transformers")
    ] = "transformer_lens",
    dtype: Annotated[str, typer.Option(help="float32 | bfloat16 | auto")] = "float32",
    device: Annotated[str, typer.Option(help="auto | cpu | cuda | mps")] = "auto",
    batch: Annotated[int, typer.Option(help="windows in one forward pass")] = 16,
    seed: Annotated[int, typer.Option(help="of the order of the documents")] = 0,
    hook_check: Annotated[
        bool, typer.Option(help="refuse an SAE that does not fit its hook point")
    ] = True,
    date_column: Annotated[
        str | None, typer.Option(help="of a table: the column with the day of first publication")
    ] = None,
    frozen_at: Annotated[
        str | None, typer.Option(help="when the model was last trained: YYYY-MM-DD, YYYY-MM, YYYY")
    ] = None,
    older: Annotated[
        str, typer.Option(help="with dates, documents not younger than the model: drop|refuse|only")
    ] = "drop",
    apart: Annotated[
        bool, typer.Option(help="leave out documents that the SAE says it was trained on")
    ] = True,
    plan: Annotated[bool, typer.Option("--plan", help="say what would be done, and stop")] = False,
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
