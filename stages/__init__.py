"""The steps of the pipeline: params -> load -> pure call -> save, run as `python -m stages.X`."""

import gc
import os
import signal
import sys
from pathlib import Path

# Imports make objects that stay; looking for garbage among them is a fifth of a stage's start. It
# is looked for again once the stage runs (`imported`). While `python -m` locates a module
# argv[0] is "-m"; code that imports a stage otherwise is left alone.
if sys.argv[:1] == ["-m"]:
    gc.disable()
    # Nothing is written yet: Ctrl-C ends the imports at once, and without a traceback. Later it is
    # answered by `stages.support.interrupts`.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

#: The process that started this one, before anything could end it.
PARENT = os.getppid()
#: Of the repository.
ROOT = Path(__file__).resolve().parent.parent


def imported() -> None:
    """Imports are over: look for garbage again, though not among what they made."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
