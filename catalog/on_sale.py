"""On sale: what a seller must know of many variants in many channels, in one statement."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from catalog.errors import NotCertified, NotListed
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import Refusal, UnknownReference

_ON_SALE = text("""
    SELECT c.code, w.sku, c.kind, c.market, m.currency, m.prices_include_tax, m.time_zone,
           v.name, v.status, v.tax_class, v.serial_numbered, l.visible_from, l.visible_to, l.certified_from
      FROM unnest(CAST(:channels AS text[]), CAST(:skus AS text[])) AS w (channel, sku)
      JOIN channels c ON c.code = w.channel
      JOIN markets m ON m.code = c.market
      LEFT JOIN variants v ON v.sku = w.sku
      LEFT JOIN listings l ON l.channel = w.channel AND l.sku = w.sku
""")


class Sellable(NamedTuple):
    """A sku in a channel. `status` is None for a sku nobody knows, `visible_from` for one that is not listed there.

    `certified_from` None means: not certified for this market, so it may be shown but not sold.
    """

    channel: str
    sku: str
    channel_kind: str
    market: str
    currency: str
    prices_include_tax: bool
    time_zone: str
    name: str | None
    status: str | None
    tax_class: str | None
    serial_numbered: bool | None
    visible_from: datetime | None
    visible_to: datetime | None
    certified_from: datetime | None


async def on_sale(tx: ReadSession, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], Sellable]:
    """What is known of each (channel, sku), decided by nobody yet. A pair whose channel is unknown is left out."""
    facts = {"channels": [channel for channel, _ in pairs], "skus": [sku for _, sku in pairs]}
    return {(row[0], row[1]): Sellable._make(row) for row in await tx.execute(_ON_SALE, facts)}


def why_not_sold(wanted: Sellable, field: str, now: datetime) -> Refusal | None:
    """Why this may not be sold at this instant, with the request's field to blame; None if it may."""
    if wanted.status is None:
        return UnknownReference(field, wanted.sku)
    if wanted.status != "active" or wanted.visible_from is None:
        return NotListed(field, wanted.channel, wanted.sku)
    if now < wanted.visible_from or (wanted.visible_to is not None and now >= wanted.visible_to):
        return NotListed(field, wanted.channel, wanted.sku)
    if wanted.certified_from is None or now < wanted.certified_from:
        return NotCertified(field, wanted.channel, wanted.sku, wanted.certified_from)
    return None
