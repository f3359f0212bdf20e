"""Market: what there is in one, and what of it is sold where and for how much while a promotion runs.

A market may have tens of thousands of skus. They are read some at a time, and what is made of them is made in a thread,
so that others are answered meanwhile.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Row, text

from commerce.kernel.db import ReadSession
from pricing.promotions.reach import Above, Charge, above, charges
from pricing.rules.book import Item
from pricing.series import Histories, histories

AT_ONCE = 500
"""Skus in one statement: what keeps others waiting for no longer than a blink."""

_ITEMS = text("""
    SELECT v.sku, v.product, v.category, v.brand, v.tax_class,
           ARRAY(SELECT ARRAY[a.key, a.value] FROM jsonb_each_text(v.options) AS a (key, value)
                  WHERE jsonb_typeof(v.options) = 'object' AND a.value IS NOT NULL) AS attributes
      FROM variants v WHERE v.status <> 'retired' AND v.sku > :after ORDER BY v.sku LIMIT :most
""")
_CATEGORIES = text("SELECT code, parent FROM categories")
_CHANNELS = text("""
    SELECT c.code, c.kind, m.time_zone FROM channels c JOIN markets m ON m.code = c.market
     WHERE c.market = :market ORDER BY c.code
""")
_LISTED = text("""
    SELECT l.channel, l.sku FROM listings l JOIN variants v ON v.sku = l.sku AND v.status = 'active'
     WHERE l.channel = ANY (CAST(:channels AS text[])) AND l.sku = ANY (CAST(:skus AS text[]))
       AND (l.visible_to IS NULL OR l.visible_to > :starts_at)
       AND (CAST(:ends_at AS timestamptz) IS NULL OR greatest(l.visible_from, l.certified_from) < :ends_at)
       AND l.certified_from IS NOT NULL AND (l.visible_to IS NULL OR l.certified_from < l.visible_to)
""")


class Shop(NamedTuple):
    """What there is in the market."""

    items: list[Item]
    over: Above
    kinds: dict[str, str]
    """What each of the market's channels is."""
    zone: str


class Window(NamedTuple):
    """When a promotion would run."""

    starts_at: datetime
    ends_at: datetime | None


class Sold(NamedTuple):
    """What is listed, certified and priced while it runs."""

    charged: dict[str, dict[str, list[Charge]]]
    """By channel and sku: what is charged."""
    prices: dict[str, Histories]
    """Of whatever is sold in some channel."""


async def read_shop(tx: ReadSession, market: str) -> Shop:
    """What there is in a market now."""
    items: list[Item] = []
    rows: Sequence[Row[Any]] = (await tx.execute(_ITEMS, {"after": "", "most": AT_ONCE})).all()
    while rows:
        items += await asyncio.to_thread(_items, rows)
        rows = (await tx.execute(_ITEMS, {"after": rows[-1].sku, "most": AT_ONCE})).all()
    over = above({row[0]: row[1] for row in await tx.execute(_CATEGORIES)})
    channels = (await tx.execute(_CHANNELS, {"market": market})).all()
    return Shop(items, over, {row[0]: row[1] for row in channels}, channels[0][2] if channels else "UTC")


def _items(rows: Sequence[Row[Any]]) -> list[Item]:
    return [
        Item(
            sku=row.sku,
            product=row.product,
            category=row.category,
            brand=row.brand,
            attributes=[(name, value) for name, value in row.attributes],
            tax_class=row.tax_class,
        )
        for row in rows
    ]


async def read_sold(
    tx: ReadSession, market: str, channels: Sequence[str], skus: Collection[str], window: Window
) -> Sold:
    """What is sold of these skus, where and while it runs. Of what is listed nowhere no prices are read."""
    sold = Sold({channel: {} for channel in channels}, {})
    for some in some_of(skus):
        facts = {"channels": list(channels), "skus": some, **window._asdict()}
        listed = [(row[0], row[1]) for row in await tx.execute(_LISTED, facts)]
        prices = await histories(tx, market, {sku for _, sku in listed}, window.starts_at)
        await asyncio.to_thread(_add, sold, listed, prices, window)
    return sold


def some_of(skus: Collection[str]) -> Iterator[list[str]]:
    """Skus in order, as many at a time as anybody may wait for."""
    ordered = iter(sorted(skus))
    return iter(lambda: list(islice(ordered, AT_ONCE)), [])


def _add(sold: Sold, listed: Sequence[tuple[str, str]], prices: dict[str, Histories], window: Window) -> None:
    for channel, sku in listed:
        history = prices[sku]
        charged = charges(history.recommended, history.channels.get(channel, []), *window)
        if charged:
            sold.charged[channel][sku] = charged
            sold.prices[sku] = history
