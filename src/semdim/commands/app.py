"""The command line. Commands import what they need when they run, so that --help is instant."""

import typer

from semdim.commands.bound import bound
from semdim.commands.certify import EPILOG as CERTIFY_EPILOG
from semdim.commands.certify import certify
from semdim.commands.compare import EPILOG as COMPARE_EPILOG
from semdim.commands.compare import compare
from semdim.commands.init import init
from semdim.commands.monitor import EPILOG, monitor
from semdim.commands.plan import plan
from semdim.commands.summary import summary
from semdim.commands.verify import verify

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="What a sparse autoencoder says, and does not say, about a language model's risk. "
    "The pipeline itself runs with `dvc repro`; these commands look at it.",
)
app.command("bound")(bound)
app.command("monitor", epilog=EPILOG)(monitor)
app.command("compare", epilog=COMPARE_EPILOG)(compare)
app.command("certify", epilog=CERTIFY_EPILOG)(certify)
app.command("verify")(verify)
app.command("init")(init)
app.command("plan")(plan)
app.command("summary")(summary)


if __name__ == "__main__":
    app()
