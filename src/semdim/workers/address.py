"""Whether anything answers at the address of a cluster: Ray itself would look for two minutes."""

import os
import socket

from semdim.errors import ConfigError, WorkerError

#: Seconds to connect, and to be answered.
PATIENCE = 4.0
#: What a client of HTTP/2, as gRPC is, says first; and the kind of frame that it is answered with.
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS, _HEADER = 4, 9


def check_reachable(address: str) -> None:
    """Refuse an address at which no head of a cluster answers, within 2 × `PATIENCE` seconds.

    Raises:
        ConfigError: it is not host:port.
        WorkerError: nothing answers there, or something else does.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16 or "/" in address:
        raise ConfigError(
            f"engine.ray_address = {address!r} should be host:port, as `ray start --head` prints "
            "it, or auto, or null for a cluster on this machine alone."
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), PATIENCE) as connection:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return  # what it says is encrypted
            connection.settimeout(PATIENCE)
            connection.sendall(_GREETING)
            header = connection.recv(_HEADER)
    except OSError as error:
        raise WorkerError(
            f"No Ray cluster answers at engine.ray_address = {address!r} "
            f"({error.strerror or error}): start it with `ray start --head --port={port}` there, "
            "or give the address that it printed."
        ) from error
    if len(header) < _HEADER or header[3] != _SETTINGS:
        raise WorkerError(
            f"What answers at engine.ray_address = {address!r} is not a Ray cluster: give the "
            "address that `ray start --head` printed."
        )
