"""The command line. Commands import what they need when they run, so that --help is instant."""

import typer

from semdim.commands.bound import bound
from semdim.commands.compare import EPILOG as COMPARE_EPILOG
from semdim.commands.compare import compare
from semdim.commands.init import init
from semdim.commands.monitor import EPILOG, monitor
from semdim.commands.plan import plan
from semdim.commands.refusal import command
from semdim.commands.summary import summary

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="What a sparse autoencoder says, and does not say, about a language model's risk. "
    "The pipeline itself runs with `dvc repro`; these commands look at it.",
)
for _name, _work, _epilog in (
    ("bound", bound, None),
    ("monitor", monitor, EPILOG),
    ("compare", compare, COMPARE_EPILOG),
    ("init", init, None),
    ("plan", plan, None),
    ("summary", summary, None),
):
    app.command(_name, epilog=_epilog)(command(_work))


if __name__ == "__main__":
    app()
