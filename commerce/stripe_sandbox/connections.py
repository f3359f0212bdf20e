"""Connections, seen from below: a server's way to hang up without a word, which ASGI has none for."""

import os
import socket
from collections.abc import Sequence
from contextlib import suppress


def cut(client: Sequence[object]) -> None:
    """Close our end of the connection to a client, found by its address among the files this process has open."""
    port = int(str(client[1]))
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - only the numbers are wanted
        with suppress(OSError, ValueError):
            line = socket.socket(fileno=os.dup(int(name)))
            with line:
                if line.type == socket.SOCK_STREAM and line.getpeername()[1] == port:
                    line.shutdown(socket.SHUT_RDWR)
