"""Asks the server to run a command; whatever it does not run is run plainly. See server.py.

    client.py PROGRAM ARGUMENT...

FORKING_SOCKETS names the sockets of servers, whose hashes differ; FORKING_PYTHON is the
interpreter. Started with `-ISs`, so only the standard library is there.
"""

import json
import os
import random
import signal
import socket
import sys


def main(argv: list[str]) -> int:
    python = os.environ["FORKING_PYTHON"]
    program, arguments = argv[0], argv[1:]
    sockets = [s for s in os.environ.get("FORKING_SOCKETS", "").split(os.pathsep) if s]
    of_stage = arguments[:1] == ["-m"] and arguments[1].startswith("stages.")
    if not sockets or (program == "python" and not of_stage):
        # By its whole path, from which Python finds its environment.
        real = python if program == "python" else os.path.join(os.path.dirname(python), program)
        os.execv(real, [real, *arguments])
    request = {"argv": argv, "cwd": os.getcwd(), "env": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(random.choice(sockets))
        text = json.dumps(request).encode()
        socket.send_fds(connection, [text[:1000]], [0, 1, 2])
        connection.sendall(text[1000:])
        connection.shutdown(socket.SHUT_WR)
        status = int(connection.recv(16) or b"1")
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
