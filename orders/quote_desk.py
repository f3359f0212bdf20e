"""The quote desk: what was worked out a moment ago is not worked out again, and never shown for too long.

An answer is kept for at most LEASE, by the clock of whoever asks, and not beyond the next instant at which its book
says something else. Whatever changes a price is in the book at least LEAD before it begins, and LEAD is longer than
LEASE (pricing/books/lead.py says by how much and why): so no answer outlives the book that was right when it is given.
Orders are decided on the book that holds in their own transaction, and on nothing that is kept here.
"""

from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple

import msgspec

from commerce.kernel.db import Database
from commerce.kernel.refusals import Refusal
from orders.codes_shown import with_codes_shown
from orders.gifts import with_gifts_that_are_sold
from orders.quote import Basket, quote_many
from orders.schemas import QuoteView
from pricing.books.current import CurrentBooks
from pricing.books.lead import LEASE

KEPT_MAX = 10_000
"""Answers; on a launch day most ask for the same few."""

_Key = tuple[object, ...]


class _Kept(NamedTuple):
    view: QuoteView
    begins: datetime
    ends: datetime


class QuoteDesk:
    """Answers for one process, the ones that were asked for last."""

    def __init__(self, db: Database, books: CurrentBooks) -> None:
        """Remember nothing yet."""
        self._db = db
        self._books = books
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()

    async def quote(self, basket: Basket) -> QuoteView:
        """What a basket costs now. Raises the refusal of a basket that cannot be bought."""
        now = self._db.clock.now()
        key = (basket.channel, basket.store, basket.codes, basket.shipping, basket.explain, *basket.lines)
        kept = self._kept.get(key) if basket.buyer is None else None
        if kept is not None and kept.begins <= now < kept.ends:
            self._kept.move_to_end(key)
            return msgspec.structs.replace(kept.view, quoted_at=now)
        async with self._db.transaction() as tx:
            [quoted] = await quote_many(self._books, tx, [basket], now)
            if isinstance(quoted, Refusal):
                raise quoted
            quoted = with_codes_shown(await with_gifts_that_are_sold(tx, quoted, now))
        if basket.buyer is None:
            self._keep(key, _Kept(quoted.view, now, min(now + LEASE, quoted.holds_until(now))))
        return quoted.view

    def _keep(self, key: _Key, answer: _Kept) -> None:
        self._kept[key] = answer
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
