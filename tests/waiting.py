"""Waiting for other processes, which tell us nothing when they are up, done or gone: look, and look again.

Nobody else in the tests lets time pass. What happens in this process is waited for by its own events, and where time
matters its clock is set.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

LOOK_EVERY_S = 0.02


def eventually(condition: Callable[[], bool], within_s: float = 20) -> None:
    """Wait until it is true, or fail."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true within {within_s} s"
        time.sleep(LOOK_EVERY_S)


async def soon(condition: Callable[[], Awaitable[bool]], within_s: float, every_s: float = LOOK_EVERY_S) -> None:
    """As eventually, while others go on. Whoever measures looks less often, so as not to be in the way."""
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"it did not come true within {within_s} s"
        await a_moment(every_s)


async def a_moment(seconds: float = LOOK_EVERY_S) -> None:
    """Who plays a process of its own, and has nothing to do or was not heard, tries again after this; no sooner."""
    await asyncio.sleep(seconds)


def status_at(url: str) -> int:
    """The status of what is answered there; 0 while nobody answers."""
    where = urlsplit(url)
    with closing(HTTPConnection(where.hostname or "", where.port, timeout=2)) as line, suppress(OSError, HTTPException):
        line.request("GET", where.path)
        return line.getresponse().status
    return 0
