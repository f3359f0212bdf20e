"""On hand: how many units there were at some instant, as the diary tells it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession


class Shelf(NamedTuple):
    """A location, the number under which its units are added to those of others, and the instant to look at.

    What moved at that instant or later does not count.
    """

    location: str
    group: int
    before: datetime


# Supply is the sum of all movements, by law. What moved since is little beside it, if the instant is a late one.
_ON_HAND = text("""
    WITH since AS (
        SELECT m.pool_id, sum(m.units) AS units
          FROM movements m
          JOIN stock_pools p ON p.id = m.pool_id
          JOIN unnest(CAST(:locations AS text[]), CAST(:befores AS timestamptz[])) AS s (location, before)
               ON s.location = p.location
         WHERE m.moved_at >= :earliest AND m.moved_at >= s.before
         GROUP BY m.pool_id)
    SELECT p.sku, s.grouped, CAST(sum(greatest(0, p.supply - coalesce(i.units, 0))) AS bigint)
      FROM stock_pools p
      JOIN unnest(CAST(:locations AS text[]), CAST(:groups AS int[]), CAST(:befores AS timestamptz[]))
           AS s (location, grouped, before) ON s.location = p.location
      LEFT JOIN since i ON i.pool_id = p.id
     WHERE p.supply <> coalesce(i.units, 0)
        OR EXISTS (SELECT FROM movements m WHERE m.pool_id = p.id AND m.moved_at < s.before)
     GROUP BY p.sku, s.grouped
""")


async def on_hand(tx: ReadSession, shelves: Sequence[Shelf]) -> dict[tuple[str, int], int]:
    """The units of each sku in each group of locations, for whatever purpose, by sku and group.

    Where nothing had ever moved there is no number. An overdrawn pool has none: what it lacks is missing there, and
    from no other place.
    """
    if not shelves:
        return {}
    facts = {
        "locations": [shelf.location for shelf in shelves],
        "groups": [shelf.group for shelf in shelves],
        "befores": [shelf.before for shelf in shelves],
        "earliest": min(shelf.before for shelf in shelves),
    }
    return {(sku, group): units for sku, group, units in await tx.execute(_ON_HAND, facts)}
