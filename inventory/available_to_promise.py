"""Available to promise: how many units a channel may sell: what can be shipped, or what lies in stores."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import ReadSession

_PROMISABLE = text("""
    WITH open AS (
        SELECT l.code, l.kind, c.kind AS channel_kind
          FROM channels c JOIN markets m ON m.code = c.market JOIN locations l ON l.market = m.code
         WHERE c.code = :channel
           AND (l.opened_on IS NULL OR l.opened_on <= (CAST(:now AS timestamptz) AT TIME ZONE m.time_zone)::date)
           AND (l.closed_on IS NULL OR l.closed_on >= (CAST(:now AS timestamptz) AT TIME ZONE m.time_zone)::date)
    ), sellers AS (
        SELECT code FROM open
         WHERE kind = CASE channel_kind WHEN 'online' THEN 'warehouse' ELSE 'store' END
            OR channel_kind = 'online' AND NOT EXISTS (SELECT FROM open w WHERE w.kind = 'warehouse')
    )
    SELECT p.sku, sum(greatest(0, p.supply - p.held))::bigint
      FROM sellers s JOIN stock_pools p ON p.location = s.code
     WHERE p.sku = ANY(CAST(:skus AS text[])) AND p.purpose = 'general'
     GROUP BY p.sku
""")


async def available_to_promise(tx: ReadSession, channel: str, skus: Collection[str], now: datetime) -> dict[str, int]:
    """How many units of each sku are free in the locations a channel sells from, in one statement however many skus.

    Online that is the open warehouses, or the stores where a market has none: the rule of `sourcing.find_sources`.
    For listings: a reading, not a promise. A sku of which there is nothing has 0.
    """
    wanted = {"channel": channel, "skus": sorted(set(skus)), "now": now}
    found = {row[0]: row[1] for row in await tx.execute(_PROMISABLE, wanted)}
    return {sku: found.get(sku, 0) for sku in skus}
