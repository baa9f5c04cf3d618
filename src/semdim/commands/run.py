"""`semdim run`: the pipeline on a model, an SAE and a text of one's own, without writing YAML."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semdim.commands.refusal import guarded

if TYPE_CHECKING:
    from semdim.own import Pieces

EPILOG = """
Examples:

  semdim run --model ./model --sae ./sae --text ./notes --shift code.jsonl --out mine

  semdim run --model gpt2 --sae gpt2-small-res-jb/blocks.6.hook_resid_pre --text 'docs/*.md'

The folder becomes a pipeline: the settings that were used are in conf/, `dvc repro` there runs it
again, and `semdim run` with the same folder resumes where it stopped.
"""


def run(
    model: Annotated[
        str, typer.Option(help="a folder in transformers format, or a name on the hub")
    ],
    sae: Annotated[str, typer.Option(help="a folder in SAELens's format, or RELEASE/ID")],
    text: Annotated[str, typer.Option(help="the sample: a file, a folder or a glob")],
    shift: Annotated[
        list[str] | None, typer.Option(help="another text to compare with; can be repeated")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="the run folder: new, empty, or from an earlier run")
    ] = Path("semdim-run"),
    tokens: Annotated[
        int, typer.Option(help="N, maximum number of tokens in the sample")
    ] = 100_000,
    shift_tokens: Annotated[
        int, typer.Option(help="maximum number of tokens in each other text")
    ] = 20_000,
    context: Annotated[int, typer.Option(help="tokens per sequence, BOS included")] = 128,
    sequences: Annotated[int, typer.Option(help="maximum number of sequences per document")] = 4,
    hook: Annotated[
        str | None,
        typer.Option(help="the hook point that the SAE reads; default: from its cfg.json"),
    ] = None,
    model_name: Annotated[
        str | None, typer.Option(help="the model's name in the SAE's metadata, if another")
    ] = None,
    write_only: Annotated[
        bool, typer.Option("--write-only", help="write the folder and run nothing")
    ] = False,
) -> None:
    """Measure your model and SAE on your text: settings, pipeline, summary, report."""
    from semdim.own import own_pieces

    pieces = guarded(
        lambda: own_pieces(
            model=model,
            model_name=model_name,
            sae=sae,
            hook=hook,
            text=text,
            shifts=shift or [],
            most=tokens,
            most_of_a_shift=shift_tokens,
            context=context,
            sequences=sequences,
        )
    )
    guarded(lambda: _write(out, pieces))
    for each in pieces.texts:
        print(f"{each.name}: {each.n_tokens:,} tokens of {each.path}, read as {each.kind}")
    _call(out, "stages.check_params", "--write")
    if write_only:
        print(f"The pipeline is written; run it with: cd {out} && dvc repro")
        return
    _call(out, "dvc", "repro", "--quiet")
    from semdim.commands.summary import summary

    summary(out / "results")
    print(f"Settings: {out / 'conf' / 'experiment' / 'own.yaml'}; run again with `dvc repro`.")


def _write(out: Path, pieces: "Pieces") -> None:
    """The pipeline, where it is not there yet, and the settings."""
    from semdim.own import NAME, write_conf
    from semdim.scaffold import write_pipeline

    if not (out / "conf" / "experiment" / f"{NAME}.yaml").is_file():
        write_pipeline(out)
    write_conf(out, pieces)


def _call(folder: Path, module: str, *arguments: str) -> None:
    """Run a module in the folder with this Python; its failure, which it has explained, ends us."""
    here = Path(sys.executable).parent
    path = f"{here}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path})
    if done.returncode:
        raise typer.Exit(done.returncode)
