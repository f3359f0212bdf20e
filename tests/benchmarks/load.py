"""A lean load generator: HTTP/1.1 over kept-open connections, as little of its own time as Python allows.

Each connection sends its next request as soon as it has the answer to the last one (a closed loop).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

import uvloop


class Outcome(NamedTuple):
    """What a run of requests came to."""

    seconds: float
    statuses: Counter[int]
    latencies_ms: list[float]

    def rate(self, status: int) -> float:
        """Answers with this status in a second."""
        return self.statuses[status] / self.seconds

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that this share of the answers stayed within."""
        ordered = sorted(self.latencies_ms)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)


class _Connection(asyncio.Protocol):
    """One kept-open connection that sends request after request."""

    def __init__(self, requests: Iterator[bytes], note: Callable[[int, float], None]) -> None:
        self._requests = requests
        self._note = note
        self._buffer = b""
        self._began = 0.0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        self._note(int(head[9:12]), (time.perf_counter() - self._began) * 1000)
        self._buffer = rest[length:]
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        if not self.over.done():
            self.over.set_result(None)

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)


def drive(port: int, requests: Iterator[bytes], connections: int) -> Outcome:
    """Send these requests over so many connections until there are no more, and tell what came back."""
    statuses: Counter[int] = Counter()
    latencies: list[float] = []

    def note(status: int, milliseconds: float) -> None:
        statuses[status] += 1
        latencies.append(milliseconds)

    async def run() -> float:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        made = [
            await loop.create_connection(lambda: _Connection(requests, note), "127.0.0.1", port)
            for _ in range(connections)
        ]
        await asyncio.gather(*(connection.over for _, connection in made))
        return time.perf_counter() - began

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seconds = runner.run(run())
    return Outcome(seconds, statuses, latencies)


def post(path: str, key: str, idempotency_key: str, body: bytes) -> bytes:
    """A POST as bytes."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: {idempotency_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(path: str, key: str) -> bytes:
    """A GET as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
