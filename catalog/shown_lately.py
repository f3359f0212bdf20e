"""Shown lately: what is too new in its channels for anybody to say how it sells."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import text

from commerce.kernel.db import ReadSession

_LATELY = text("""
    SELECT l.sku
      FROM listings l
      JOIN unnest(CAST(:channels AS text[]), CAST(:days AS date[])) AS w (channel, day) ON w.channel = l.channel
      JOIN channels c ON c.code = l.channel
      JOIN markets m ON m.code = c.market
     GROUP BY l.sku
    HAVING bool_and(CAST(l.visible_from AT TIME ZONE m.time_zone AS date) > w.day)
""")


async def shown_lately(tx: ReadSession, since: Mapping[str, date]) -> frozenset[str]:
    """The skus listed in any of these channels that are shown in none of them since its day or before.

    What is listed nowhere is not among them.
    """
    facts = {"channels": list(since), "days": list(since.values())}
    return frozenset((await tx.execute(_LATELY, facts)).scalars())
