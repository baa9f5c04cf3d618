"""The command line. Commands import what they need when they run, so that --help is instant."""

import os
from pathlib import Path
from typing import Annotated

import typer

from semdim import __version__
from semdim.commands.bound import bound
from semdim.commands.certify import EPILOG as CERTIFY_EPILOG
from semdim.commands.certify import certify
from semdim.commands.compare import EPILOG as COMPARE_EPILOG
from semdim.commands.compare import compare
from semdim.commands.contamination import contamination
from semdim.commands.init import init
from semdim.commands.monitor import EPILOG, monitor
from semdim.commands.plan import plan
from semdim.commands.rank import EPILOG as RANK_EPILOG
from semdim.commands.rank import rank
from semdim.commands.refusal import CommandLine, command, refusal
from semdim.commands.run import EPILOG as RUN_EPILOG
from semdim.commands.run import run
from semdim.commands.summary import summary
from semdim.commands.verify import verify

app = CommandLine(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="What a sparse autoencoder says, and does not say, about a language model's risk. The "
    "pipeline itself runs with `dvc repro`; these commands inspect its results.",
)


def _version(wanted: bool) -> bool:
    if wanted:
        print(f"semdim {__version__}")
        raise typer.Exit()
    return wanted


@app.callback()
def start(
    root: Annotated[
        Path | None,
        typer.Option(help="The project folder; the command's paths are relative to it."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Run before every command."""
    if root is None:
        return
    try:
        os.chdir(root)
    except OSError as error:
        raise refusal(
            f"--root {root} cannot be entered ({error.strerror}): give a project folder, with "
            "params.yaml and results."
        ) from error


for _name, _work, _epilog in (
    ("bound", bound, None),
    ("monitor", monitor, EPILOG),
    ("compare", compare, COMPARE_EPILOG),
    ("certify", certify, CERTIFY_EPILOG),
    ("verify", verify, None),
    ("contamination", contamination, None),
    ("rank", rank, RANK_EPILOG),
    ("run", run, RUN_EPILOG),
    ("init", init, None),
    ("plan", plan, None),
    ("summary", summary, None),
):
    app.command(_name, epilog=_epilog)(command(_work))


if __name__ == "__main__":
    app()
