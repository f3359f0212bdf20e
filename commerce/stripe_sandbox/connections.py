"""Connections: answering over them, and a server's way to hang up without a word, which ASGI has none for."""

import os
import socket
import stat
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

INTERNET = (socket.AF_INET, socket.AF_INET6)


async def send_answer(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Answer, and say how long the answer is."""
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def cut(client: Sequence[object]) -> None:
    """Close our end of the connection to a client, found by its address among the files this process has open."""
    port = int(str(client[1]))
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - only the numbers are wanted
        with suppress(OSError):  # One that was closed since, or listens to nobody in particular.
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as line:
                if line.family in INTERNET and line.getpeername()[1] == port:
                    line.shutdown(socket.SHUT_RDWR)
