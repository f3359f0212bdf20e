"""Listed: in which kinds of channels variants can be bought at an instant."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from catalog.past import STATUS_THEN, VARIANTS, said_then
from catalog.said import SAID
from commerce.kernel.db import ReadSession


class Listed(NamedTuple):
    """A variant that can be bought in some channel of this kind. `sku_no` is what reports call it."""

    sku_no: int
    kind: str


_LISTED = text(f"""
    SELECT v.no, c.kind
      FROM ({SAID}) AS l
      JOIN channels c ON c.code = l.channel
      JOIN variants v ON v.sku = l.sku
      LEFT JOIN ({said_then(VARIANTS)}) AS p ON p.sku = v.sku
     WHERE (l.said_from IS NULL OR l.said_from <= least(:at, :believed_at))
       AND (l.said_to IS NULL OR l.said_to > least(:at, :believed_at))
       AND {STATUS_THEN} = 'active' AND l.certified_from <= :at AND l.visible_from <= :at
       AND (l.visible_to IS NULL OR l.visible_to > :at) AND (CAST(:market AS text) IS NULL OR c.market = :market)
     GROUP BY v.no, c.kind ORDER BY v.no, c.kind
""")  # noqa: S608 - made of constants; what a caller gave is bound


async def listed(tx: ReadSession, at: datetime, believed_at: datetime, market: str | None = None) -> list[Listed]:
    """Every variant with each kind of channel in which it is active, visible and certified at that instant.

    By what its listings said then, in every market or in this one; what was recorded after `believed_at` is left out.
    """
    facts = {"at": at, "believed_at": believed_at, "market": market}
    return [Listed(*row) for row in await tx.execute(_LISTED, facts)]
