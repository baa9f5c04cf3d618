"""Options that several commands share, declared once: what measures a model on a text."""

from typing import Annotated

import typer

TEXTS = "a file, folder or glob of texts or tables; or english, or c4"
MODEL = "a model on the hub, a folder, or a semdim export"

Tokens = Annotated[int, typer.Option(help="N, tokens to measure, BOS included")]
Context = Annotated[int, typer.Option(help="tokens per window, BOS included")]
Windows = Annotated[int, typer.Option(help="maximum number of windows per document")]
FailureProb = Annotated[float, typer.Option(help="δ in (0, 1)")]
Backend = Annotated[str, typer.Option(help="transformers | transformer_lens")]
Dtype = Annotated[str, typer.Option(help="float32 | bfloat16 | auto")]
Device = Annotated[str, typer.Option(help="auto | cpu | cuda | mps")]
Batch = Annotated[int, typer.Option(help="windows in one forward pass")]
Seed = Annotated[int, typer.Option(help="seed for the order of the documents")]
DateColumn = Annotated[
    str | None, typer.Option(help="for a table: the column with the date of first publication")
]
FrozenAt = Annotated[
    str | None, typer.Option(help="when the model was last trained: YYYY-MM-DD, YYYY-MM, YYYY")
]
Apart = Annotated[
    bool, typer.Option(help="leave out documents that the SAE says it was trained on")
]
Plan = Annotated[bool, typer.Option("--plan", help="show what would be done, and stop")]
