"""Posting webhooks: a few at a time, over connections that are kept, as long as there is an address to post to."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from commerce.stripe_sandbox.outgoing import Delivery, Outgoing

AT_ONCE = 16
ANSWER_S_MAX = 20
LOOK_EVERY_S = 1
"""The sandbox's clock may be set under our feet, so nobody sleeps longer than this."""

HEAD = "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json; charset=utf-8\r\n"
HEAD += "User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\nAccept: */*\r\n"
HEAD += "Stripe-Signature: {signature}\r\nContent-Length: {length}\r\n\r\n"

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Poster:
    """Posts what is due to `url`, which may change; None leaves everything where it is."""

    def __init__(self, outgoing: Outgoing, url: Callable[[], str | None], now: Callable[[], int]) -> None:
        self._outgoing = outgoing
        self._url = url
        self._now = now
        self._news = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._idle: dict[str, list[Line]] = {}
        outgoing.on_news = self._news.set

    async def run(self) -> None:
        """Post until cancelled."""
        try:
            while True:
                self._news.clear()
                url = self._url()
                if url is not None:
                    await self._post_due(url)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._news.wait()
        finally:
            for task in self._under_way:
                task.cancel()
            self._hang_up()

    async def _post_due(self, url: str) -> None:
        while True:
            await self._room.acquire()
            ready = self._outgoing.due(1)
            if not ready:
                self._room.release()
                return
            task = asyncio.create_task(self._deliver(url, ready[0]))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    def _pause(self) -> float:
        due = self._outgoing.next_due()
        return LOOK_EVERY_S if due is None else min(LOOK_EVERY_S, max(0.02, due - self._now()))

    async def _deliver(self, url: str, delivery: Delivery) -> None:
        """Post one; anything but a 2xx in time means that it has not arrived."""
        try:
            try:
                async with asyncio.timeout(ANSWER_S_MAX):
                    status = await self._post(url, self._outgoing.body(delivery.event_id))
            except Exception:  # noqa: BLE001 - whatever the other side did, the delivery is not lost
                status = 0
            if 200 <= status < 300:  # noqa: PLR2004 - what HTTP calls success
                self._outgoing.arrived([delivery.event_id])
            else:
                self._outgoing.failed(delivery)
        finally:
            self._room.release()

    async def _post(self, url: str, body: str) -> int:
        parts = urlsplit(url)
        data = body.encode()
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        signature = self._outgoing.sign(body)
        head = HEAD.format(target=target, host=parts.netloc, signature=signature, length=len(data))
        line = await self._line(parts)
        try:
            line[1].write(head.encode() + data)
            status, reusable = await _read_answer(line[0])
        except BaseException:
            line[1].close()
            raise
        if reusable:
            self._idle.setdefault(parts.netloc, []).append(line)
        else:
            line[1].close()
        return status

    async def _line(self, parts: SplitResult) -> Line:
        """A connection that is open and idle, or a new one."""
        idle = self._idle.get(parts.netloc, [])
        while idle:
            line = idle.pop()
            if not (line[0].at_eof() or line[1].is_closing()):
                return line
            line[1].close()
        if parts.hostname is None:
            raise ValueError(parts.netloc)
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        return await asyncio.open_connection(parts.hostname, parts.port or (443 if tls else 80), ssl=tls)

    def _hang_up(self) -> None:
        for lines in self._idle.values():
            for _, writer in lines:
                writer.close()
        self._idle.clear()


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status of an answer, and whether the connection can be used again."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    fields = dict(line.split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    length = fields.get(b"content-length", b"").strip()
    if length.isdigit():
        await reader.readexactly(int(length))
        return status, fields.get(b"connection", b"").strip() != b"close"
    return status, status == 204  # noqa: PLR2004 - No Content: nothing follows
