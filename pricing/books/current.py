"""Which book is the current one, and the books that a process has ready to quote from.

Which one is the current one is never remembered: whoever quotes looks it up, in the transaction in which everything
else is read. What may be remembered, and for how long, is an answer (see lead.py, and `orders/quote_desk.py`).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from weakref import WeakValueDictionary

from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session
from pricing.books.canonical import read
from pricing.books.publish import publish_unpublished
from pricing.books.zones import microseconds
from pricing.rules import Prepared
from pricing.rules import prepare as make_ready

OLDER_MAX = 4
"""Books that a process keeps ready beside each market's newest one: who began before it came may still ask for them."""

_HEADS = text("SELECT market, number, sha256 FROM price_book_heads WHERE market = ANY (CAST(:markets AS text[]))")
_HEAD_OF_CHANNEL = text("""
    SELECT c.market, h.number, h.sha256 FROM channels c LEFT JOIN price_book_heads h ON h.market = c.market
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


def prepare(body: bytes) -> Prepared:
    """Make of a book's bytes what quotes are made from."""
    return make_ready(read(body))


class CurrentBooks:
    """The books that a process has ready. Books never change, so one that is kept stays right for ever."""

    def __init__(self, older_max: int = OLDER_MAX) -> None:
        """Have none ready yet."""
        self._most = older_max
        self._newest: dict[str, tuple[Head, Prepared]] = {}
        self._older: OrderedDict[str, Prepared] = OrderedDict()
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def exactly(self, tx: Session, markets: Collection[str], now: datetime) -> dict[str, Prepared]:
        """The books that are current in this very transaction: for whoever writes a book's number into a row.

        None of them is over: where nobody published for so long that the last one does not foresee this instant, what
        it does not say may be charged by now. Raises UnknownReference.
        """
        heads = await current_heads(tx, markets, now)
        books = {market: await self._ready(tx, market, head) for market, head in heads.items()}
        over = sorted(market for market, one in books.items() if _is_over(one, now))
        if not over:
            return books
        heads = await _next_heads(tx, over, now)
        return books | {market: await self._ready(tx, market, head) for market, head in heads.items()}

    async def of_channel(self, tx: Session, channel: str, now: datetime) -> Prepared | None:
        """The book to show a channel's prices by, in one statement: as with `exactly` it is there, and not over.

        None for a channel that does not exist.
        """
        row = (await tx.execute(_HEAD_OF_CHANNEL, {"channel": channel})).one_or_none()
        if row is None:
            return None
        if row.number is not None:
            book = await self._ready(tx, row.market, Head(row.number, row.sha256))
            if not _is_over(book, now):
                return book
        return (await self.exactly(tx, [row.market], now))[row.market]

    async def last_of_channel(self, tx: ReadSession, channel: str) -> Prepared | None:
        """The last book that was published where a channel sells, be it over or not; None where there is none yet."""
        row = (await tx.execute(_HEAD_OF_CHANNEL, {"channel": channel})).one_or_none()
        if row is None or row.number is None:
            return None
        return await self._ready(tx, row.market, Head(row.number, row.sha256))

    async def that_was_current(self, tx: ReadSession, channel: str, at: datetime) -> Prepared | None:
        """The book that was current where a channel sells at an instant; None where there was none yet."""
        row = (await tx.execute(_HEAD_AT, {"channel": channel, "at": at})).one_or_none()
        return None if row is None else await self._ready(tx, row.market, Head(row.number, row.sha256))

    async def _ready(self, tx: ReadSession, market: str, head: Head) -> Prepared:
        """A book, ready to be quoted from. Of many who want the same at once one makes it ready, for all of them."""
        book = self._found(market, head)
        if book is not None:
            return book
        async with self._making.setdefault(head.sha256, asyncio.Lock()):
            book = self._found(market, head)
            if book is None:
                book = await asyncio.to_thread(prepare, await body_of(tx, market, head.number))
                self._keep(market, head, book)
        return book

    def _found(self, market: str, head: Head) -> Prepared | None:
        newest = self._newest.get(market)
        if newest is not None and newest[0] == head:
            return newest[1]
        book = self._older.get(head.sha256)
        if book is not None:
            self._older.move_to_end(head.sha256)
        return book

    def _keep(self, market: str, head: Head, book: Prepared) -> None:
        """The newest one of a market makes room only for a newer one, however many older ones are asked for."""
        newest = self._newest.get(market)
        if newest is None or newest[0].number < head.number:
            self._newest[market] = (head, book)
            if newest is None:
                return
            head, book = newest
        self._older[head.sha256] = book
        while len(self._older) > self._most:
            self._older.popitem(last=False)


def _is_over(one: Prepared, now: datetime) -> bool:
    """Whether a book does not foresee this instant: what it does not say may be charged by now."""
    return one.book.complete_until <= microseconds(now)


async def current_heads(tx: Session, markets: Collection[str], now: datetime) -> dict[str, Head]:
    """Each market's current book as this transaction sees it, in one statement.

    A market that never had one is given its first. Raises UnknownReference.
    """
    found = await _heads(tx, markets)
    missing = sorted(set(markets) - found.keys())
    return {**found, **(await _next_heads(tx, missing, now))} if missing else found


async def body_of(tx: ReadSession, market: str, number: int) -> bytes:
    """A book's canonical bytes; the book is there."""
    body: bytes = (await tx.execute(_BODY, {"market": market, "number": number})).scalar_one()
    return body


async def _next_heads(tx: Session, markets: Sequence[str], now: datetime) -> dict[str, Head]:
    """The books that say what holds by now, where nobody published them; of many who need one the first makes it."""
    for market in markets:
        await publish_unpublished(tx, market, now)
    return await _heads(tx, markets)


async def _heads(tx: ReadSession, markets: Collection[str]) -> dict[str, Head]:
    rows = await tx.execute(_HEADS, {"markets": sorted(markets)})
    return {market: Head(number, sha256) for market, number, sha256 in rows}
