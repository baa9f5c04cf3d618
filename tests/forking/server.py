"""Runs commands in forks of a process that has imported the heavy packages already.

    python -m tests.forking.server SOCKET WATCHED_PID

A stage of the smoke run computes for a tenth of a second and imports torch, TransformerLens and
SAELens for five. Here they are imported once; each command still is a process of its own, with its
own working directory, environment and files, and imports semdim and the stages from its own clone.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from tests.forking.quick_dvc import hurry

ROOT = str(Path(__file__).resolve().parents[2])

#: Installed packages that stages and commands import; never semdim or stages themselves.
PRELOADED = (
    "torch", "numpy", "pandas", "scipy.stats", "scipy.special", "scipy.optimize", "pyarrow",
    "pyarrow.parquet", "pyarrow.dataset", "safetensors.torch", "sklearn.metrics",
    "sklearn.neighbors", "matplotlib.pyplot", "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg", "jinja2", "yaml", "typer", "typer.main", "rich.table",
    "tqdm", "jaxtyping", "hydra", "hydra.main", "hydra.core.hydra_config", "hydra._internal.hydra",
    "omegaconf", "transformers", "transformer_lens", "sae_lens", "datasets", "gguf", "wandb",
    "mwparserfromhell",
    "dvc.cli", "dvc.repo", "dvc.repo.reproduce", "dvc.repo.experiments.run",
    "dvc.repo.experiments.executor.local", "dvc.repo.experiments.queue.workspace",
    "dvc.stage.run", "dvc.stage.cache", "dvc.utils.hydra", "dvc.commands.repro",
)  # fmt: skip
OURS = ("semdim", "stages", "hydra_plugins")


def serve(path: str, watched: int) -> None:
    """Answer requests at a socket until the watched process is gone."""
    for name in PRELOADED:
        importlib.import_module(name)
    if loaded := [name for name in sys.modules if name.split(".")[0] in OURS]:
        raise RuntimeError(f"{', '.join(loaded)} would not come from the clone")
    gc.collect()
    gc.freeze()
    # Forked children are waited for by nobody here; a request's own process resets it.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path + ".starting")
        listening.listen(16)
        listening.settimeout(1.0)
        os.rename(path + ".starting", path)  # from here on it is there
        while _alive(watched):
            with contextlib.suppress(TimeoutError):
                connection, _ = listening.accept()
                if os.fork() == 0:
                    listening.close()
                    _answer(connection)
                connection.close()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _answer(connection: socket.socket) -> None:
    """In a process of its own: run the request in a child, send its status, end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.settimeout(None)
    head, files, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    text = head + b"".join(iter(lambda: connection.recv(1 << 16), b""))
    child = os.fork()
    if child == 0:
        for at, file in enumerate(files):
            os.dup2(file, at)
            os.close(file)
        connection.close()
        _run(json.loads(text))
    for file in files:
        os.close(file)
    _, status, usage = os.wait4(child, 0)
    if log := os.environ.get("FORKING_LOG"):  # CPU seconds of each command
        with open(log, "a", encoding="utf-8") as file:
            words = " ".join(json.loads(text)["argv"])
            file.write(f"{usage.ru_utime + usage.ru_stime:.2f} {words}\n")
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _run(request: dict[str, Any]) -> None:
    """Become the command: never returns."""
    gc.unfreeze()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    own = [entry for entry in request["env"].get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [os.getcwd(), *own, *(entry for entry in sys.path if entry not in ("", ROOT))]
    sys.path_importer_cache.clear()
    code = 0
    try:
        program, *arguments = request["argv"]
        if program == "python":  # -m MODULE ...
            sys.argv = ["-m", *arguments[2:]]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = [program, *arguments]
            module, function = SCRIPTS[program]
            sys.path[0] = str(Path(sys.executable).parent)  # a script's folder
            if program == "dvc":
                hurry()
            code = getattr(importlib.import_module(module), function)()
    except SystemExit as end:
        code = end.code  # type: ignore[assignment]
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    _finish(code or 0)


def _finish(code: int) -> None:
    """End as the interpreter does: threads joined, exit functions called, streams flushed."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


#: The scripts that pip made, as modules and functions.
SCRIPTS = {"dvc": ("dvc.cli", "main"), "semdim": ("semdim.commands.app", "app")}

if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
