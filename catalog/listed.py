"""Listed: in which kinds of channels variants can be bought at an instant."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession


class Listed(NamedTuple):
    """A variant that can be bought in some channel of this kind. `sku_no` is what reports call it."""

    sku_no: int
    kind: str


_LISTED = text("""
    SELECT v.no, c.kind
      FROM listings l
      JOIN channels c ON c.code = l.channel
      JOIN variants v ON v.sku = l.sku
      LEFT JOIN (SELECT DISTINCT ON (sku) * FROM variant_pasts WHERE until > :at ORDER BY sku, until) AS p
           ON p.sku = v.sku
     WHERE coalesce(p.status, v.status) = 'active' AND l.certified_from <= :at AND l.visible_from <= :at
       AND (l.visible_to IS NULL OR l.visible_to > :at) AND (CAST(:market AS text) IS NULL OR c.market = :market)
     GROUP BY v.no, c.kind ORDER BY v.no, c.kind
""")


async def listed(tx: ReadSession, at: datetime, market: str | None = None) -> list[Listed]:
    """Every variant with each kind of channel in which it is active, visible and certified at that instant.

    Listings have no past: what they say now is what counts, in every market or in this one.
    """
    return [Listed(*row) for row in await tx.execute(_LISTED, {"at": at, "market": market})]
