"""Options that several commands share, declared once: what measures a model on a text."""

from typing import Annotated

import typer

TEXTS = "a file, folder or glob: texts, or tables of them; english; c4"
MODEL = "a model of the hub, a folder, or an export of semdim"

Tokens = Annotated[int, typer.Option(help="N, tokens to measure, BOS included")]
Context = Annotated[int, typer.Option(help="tokens of a window, BOS included")]
Windows = Annotated[int, typer.Option(help="windows of a document at most")]
FailureProb = Annotated[float, typer.Option(help="δ in (0, 1)")]
Backend = Annotated[str, typer.Option(help="transformers | transformer_lens")]
Dtype = Annotated[str, typer.Option(help="float32 | bfloat16 | auto")]
Device = Annotated[str, typer.Option(help="auto | cpu | cuda | mps")]
Batch = Annotated[int, typer.Option(help="windows in one forward pass")]
Seed = Annotated[int, typer.Option(help="of the order of the documents")]
DateColumn = Annotated[
    str | None, typer.Option(help="of a table: the column with the day of first publication")
]
FrozenAt = Annotated[
    str | None, typer.Option(help="when the model was last trained: YYYY-MM-DD, YYYY-MM, YYYY")
]
Apart = Annotated[
    bool, typer.Option(help="leave out documents that the SAE says it was trained on")
]
Plan = Annotated[bool, typer.Option("--plan", help="say what would be done, and stop")]
