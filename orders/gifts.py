"""Gifts: of those that promotions offer, the ones that can be put into the basket."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from catalog.on_sale import Sellable, on_sale, why_not_sold
from commerce.kernel.db import ReadSession
from orders.quote import Quoted, instant_of, micros
from pricing.rules import holds_until
from pricing.rules.basket import BasketLine
from pricing.rules.quoted import CannotQuote


class _Offered(NamedTuple):
    """Whether it is sold, and up to when that may be shown."""

    is_sold: bool
    until: datetime


async def with_gifts_that_are_sold(tx: ReadSession, quoted: Quoted, now: datetime) -> Quoted:
    """A quote that offers only what its channel sells now. One statement, and none where nothing is offered.

    A promotion goes on offering its gift while that is off the shelf, not certified or has no price; no basket could
    take it.
    """
    view = quoted.view
    if not view.gifts:
        return quoted
    known = await on_sale(tx, sorted({(view.channel, gift.sku) for gift in view.gifts}))
    found = {sku: _offered(quoted, thing, now) for (_, sku), thing in known.items()}
    gifts = [gift for gift in view.gifts if found[gift.sku].is_sold]
    until = min(quoted.off_the_shelf, *(one.until for one in found.values()))
    return quoted._replace(view=msgspec.structs.replace(view, gifts=gifts), off_the_shelf=until)


def _offered(quoted: Quoted, gift: Sellable, now: datetime) -> _Offered:
    edges = (gift.visible_from, gift.visible_to, gift.certified_from)
    until = min((edge for edge in edges if edge is not None and edge > now), default=quoted.off_the_shelf)
    asked = msgspec.structs.replace(quoted.asked, lines=[BasketLine("gift", gift.sku, 1)])
    try:
        until = instant_of(min(micros(until), holds_until(quoted.book, asked, micros(now))))
    except CannotQuote:
        return _Offered(is_sold=False, until=until)
    return _Offered(why_not_sold(gift, "gifts", now) is None, until)
