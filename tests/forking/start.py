"""Starts the servers that `server.py` describes, once for all workers of a session."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLIENT = Path(__file__).with_name("client.py")
PROGRAMS = ("python", "dvc", "semdim")
#: Two servers whose sets iterate differently: a result that depends on it would differ.
HASH_SEEDS = ("1", "2")
#: Read when packages are imported, so that the servers need them.
IMPORTED_WITH = {
    "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
    "MPLBACKEND": "Agg",
}  # fmt: skip
LIMIT_SECONDS = 300.0


def started(shared: Path, watched: int) -> dict[str, str]:
    """The environment in which `python -m stages.X`, `dvc` and `semdim` are run by the servers.

    Args:
        shared: a folder that all workers of the session have.
        watched: the process with whose end the servers end.
    """
    sockets = [shared / f"fork{seed}" for seed in HASH_SEEDS]
    with (shared / "forking.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        servers = [
            _start(socket, seed, watched)
            for socket, seed in zip(sockets, HASH_SEEDS, strict=True)
            if not socket.exists()
        ]
        if servers:
            _write_programs(shared / "bin")
        for server, socket in zip(servers, sockets, strict=False):
            _wait(server, socket)
    return {
        "PATH": f"{shared / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}"
        + os.environ["PATH"],
        "FORKING_SOCKETS": os.pathsep.join(map(str, sockets)),
        "FORKING_PYTHON": sys.executable,
    }


def _start(socket: Path, seed: str, watched: int) -> subprocess.Popen[bytes]:
    environment = os.environ | IMPORTED_WITH | {"PYTHONHASHSEED": seed}
    environment.pop("PYTHONPATH", None)  # semdim is never the server's
    with socket.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.forking.server", str(socket), str(watched)],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip


def _write_programs(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in PROGRAMS:
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -ISs "{CLIENT}" {name} "$@"\n')
        script.chmod(0o755)


def _wait(server: subprocess.Popen[bytes], socket: Path) -> None:
    begun = time.monotonic()
    while not socket.exists():
        if server.poll() is not None or time.monotonic() - begun > LIMIT_SECONDS:
            told = socket.with_suffix(".log").read_text()
            raise RuntimeError(f"The server of {socket} has not started:\n{told}")
        time.sleep(0.05)
