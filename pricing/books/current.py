"""Which book is the current one: what a process remembers of it, and for how long it may (see lead.py)."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Coroutine
from datetime import datetime, timedelta
from time import monotonic_ns as _monotonic_ns
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import text

from commerce.kernel.db import Database, ReadSession, Session
from pricing.books.canonical import read
from pricing.books.lead import LEASE
from pricing.books.publish import publish_book
from pricing.rules import Prepared
from pricing.rules import prepare as make_ready

REMEMBERED_MAX = 12
"""Books that a process keeps ready: the current ones of its markets, and some before them."""
Found = TypeVar("Found")

_HEADS = text("SELECT market, number, sha256 FROM price_book_heads WHERE market = ANY (CAST(:markets AS text[]))")
_HEAD_OF_CHANNEL = text("""
    SELECT h.market, h.number, h.sha256 FROM channels c JOIN price_book_heads h ON h.market = c.market
     WHERE c.code = :channel
""")
_HEAD_AT = text("""
    SELECT b.market, b.number, b.sha256 FROM channels c JOIN price_books b ON b.market = c.market
     WHERE c.code = :channel AND b.compiled_at <= :at ORDER BY b.number DESC LIMIT 1
""")
_BODY = text("SELECT body FROM price_books WHERE market = :market AND number = :number")


class Head(NamedTuple):
    """A market's current book."""

    number: int
    sha256: str


class _Known(NamedTuple):
    """A head, and when it was asked for: by the shop's clock, and by one that nobody can stop."""

    head: Head
    asked_at: datetime
    asked_ns: int


def prepare(body: bytes) -> Prepared:
    """Make of a book's bytes what quotes are made from."""
    return make_ready(read(body))


class CurrentBooks:
    """What a process knows of the current books. Books never change, so one that is kept stays right for ever.

    Which one is the current one is remembered for a lease, and asked for anew after that.
    """

    def __init__(self, db: Database, lease: timedelta = LEASE, remembered_max: int = REMEMBERED_MAX) -> None:
        """Know nothing yet."""
        self._db = db
        self._lease = lease
        self._lease_ns = lease // timedelta(microseconds=1) * 1_000
        self._most = remembered_max
        self._heads: dict[str, _Known] = {}
        self._books: OrderedDict[str, Prepared] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Any]] = {}

    async def at(self, market: str, instant: datetime) -> Prepared:
        """The book to quote from at an instant, which is about now. Within a lease nothing is asked of the database.

        A market that never had a book is given its first one. Raises UnknownReference.
        """
        known = self._heads.get(market)
        if known is None or not self._holds(known, instant):
            known = await self._once(f"head {market}", self._ask(market))
            if not self._near(known, instant):  # Somebody else's question, asked too long before ours.
                known = await self._ask(market)
        book = self._remembered(known.head)
        if book is None:
            book = await self._once(known.head.sha256, self._load(market, known.head))
        return book

    async def exactly(self, tx: Session, markets: Collection[str], now: datetime) -> dict[str, Prepared]:
        """The books that are current in this very transaction: for whoever writes a book's number into a row."""
        heads = await current_heads(tx, markets, now)
        return {market: await self._ready(tx, market, head) for market, head in heads.items()}

    async def of_channel(self, tx: ReadSession, channel: str) -> Prepared | None:
        """The book that is current now where a channel sells, in one statement; None where there is none yet."""
        row = (await tx.execute(_HEAD_OF_CHANNEL, {"channel": channel})).one_or_none()
        return None if row is None else await self._ready(tx, row.market, Head(row.number, row.sha256))

    async def that_was_current(self, tx: ReadSession, channel: str, at: datetime) -> Prepared | None:
        """The book that was current where a channel sells at an instant; None where there was none yet."""
        row = (await tx.execute(_HEAD_AT, {"channel": channel, "at": at})).one_or_none()
        return None if row is None else await self._ready(tx, row.market, Head(row.number, row.sha256))

    async def _ready(self, tx: ReadSession, market: str, head: Head) -> Prepared:
        book = self._remembered(head)
        if book is None:
            book = self._remember(head, await asyncio.to_thread(prepare, await body_of(tx, market, head.number)))
        return book

    def _holds(self, known: _Known, instant: datetime) -> bool:
        return self._near(known, instant) and _monotonic_ns() - known.asked_ns < self._lease_ns

    def _near(self, known: _Known, instant: datetime) -> bool:
        return known.asked_at - self._lease < instant < known.asked_at + self._lease

    async def _once(self, what: str, work: Coroutine[Any, Any, Found]) -> Found:
        """Of many that want the same at once, the first one asks, and all hear the answer."""
        task = self._under_way.get(what)
        if task is None:
            task = self._under_way[what] = asyncio.create_task(work)
            task.add_done_callback(lambda _: self._under_way.pop(what, None))
        else:
            work.close()
        found: Found = await asyncio.shield(task)
        return found

    async def _ask(self, market: str) -> _Known:
        """The lease begins before the question, however late the answer comes."""
        asked_at, asked_ns = self._db.clock.now(), _monotonic_ns()
        async with self._db.read() as tx:
            head = (await _heads(tx, [market])).get(market)
        if head is None:
            async with self._db.transaction() as tx:
                head = (await current_heads(tx, [market], asked_at))[market]
        known = self._heads[market] = _Known(head, asked_at, asked_ns)
        return known

    async def _load(self, market: str, head: Head) -> Prepared:
        async with self._db.read() as tx:
            body = await body_of(tx, market, head.number)
        return self._remember(head, await asyncio.to_thread(prepare, body))

    def _remembered(self, head: Head) -> Prepared | None:
        book = self._books.get(head.sha256)
        if book is not None:
            self._books.move_to_end(head.sha256)
        return book

    def _remember(self, head: Head, book: Prepared) -> Prepared:
        self._books[head.sha256] = book
        while len(self._books) > self._most:
            self._books.popitem(last=False)
        return book


async def current_heads(tx: Session, markets: Collection[str], now: datetime) -> dict[str, Head]:
    """Each market's current book as this transaction sees it, in one statement.

    A market that never had one is given its first. Raises UnknownReference.
    """
    found = await _heads(tx, markets)
    missing = sorted(set(markets) - found.keys())
    for market in missing:
        await publish_book(tx, market, now, at_once=True)
    return {**found, **(await _heads(tx, missing))} if missing else found


async def body_of(tx: ReadSession, market: str, number: int) -> bytes:
    """A book's canonical bytes; the book is there."""
    body: bytes = (await tx.execute(_BODY, {"market": market, "number": number})).scalar_one()
    return body


async def _heads(tx: ReadSession, markets: Collection[str]) -> dict[str, Head]:
    rows = await tx.execute(_HEADS, {"markets": sorted(markets)})
    return {market: Head(number, sha256) for market, number, sha256 in rows}
