"""Sourcing: where goods may come from, and what is free there. One rule for holds and for orders, in one statement."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from inventory.locking import Place


class Way(NamedTuple):
    """How goods reach a buyer of a market: shipped, or (`collect_at`) collected in a store."""

    market: str
    collect_at: str | None


class Sources(NamedTuple):
    """Open locations by way, best first, and the units free in them by (location, sku).

    A way that is missing has no location: nothing can be had on it.
    """

    ranked: dict[Way, list[str]]
    free: dict[Place, int]


# `available_to_promise` keeps the same rule for a whole channel.
_SOURCES = text("""
    WITH wanted AS (
        SELECT * FROM unnest(CAST(:markets AS text[]), CAST(:stores AS text[]), CAST(:skus AS text[]))
                      AS w (market, collect_at, sku)
    ), open AS (
        SELECT l.code, l.kind, l.market FROM locations l JOIN markets m ON m.code = l.market
         WHERE l.market = ANY(CAST(:markets AS text[]))
           AND (l.opened_on IS NULL OR l.opened_on <= (CAST(:now AS timestamptz) AT TIME ZONE m.time_zone)::date)
           AND (l.closed_on IS NULL OR l.closed_on >= (CAST(:now AS timestamptz) AT TIME ZONE m.time_zone)::date)
    )
    SELECT w.market, w.collect_at, o.code, w.sku, greatest(0, p.supply - p.held)
      FROM wanted w JOIN open o ON o.market = w.market AND CASE
               WHEN w.collect_at IS NOT NULL THEN o.code = w.collect_at AND o.kind = 'store'
               ELSE o.kind = 'warehouse' OR NOT EXISTS (
                    SELECT FROM open x WHERE x.market = w.market AND x.kind = 'warehouse')
           END
      LEFT JOIN stock_pools p ON p.location = o.code AND p.sku = w.sku AND p.purpose = 'general'
     ORDER BY o.code
""")


async def find_sources(tx: ReadSession, wanted: Collection[tuple[Way, str]], now: datetime) -> Sources:
    """Where these skus may come from on their ways, read without a lock: good enough to say no, never to say yes.

    What is collected comes from that store and no other. What is shipped comes from warehouses, and from stores where
    the market has no open warehouse. The last day open counts as open, by the market's calendar.
    """
    facts = {
        "markets": [way.market for way, _ in wanted],
        "stores": [way.collect_at for way, _ in wanted],
        "skus": [sku for _, sku in wanted],
        "now": now,
    }
    ranked: dict[Way, dict[str, None]] = {}
    free: dict[Place, int] = {}
    for market, collect_at, location, sku, units in await tx.execute(_SOURCES, facts):
        ranked.setdefault(Way(market, collect_at), {})[location] = None
        free[location, sku] = units or 0
    return Sources({way: list(locations) for way, locations in ranked.items()}, free)
