"""The law of locking.

1. A transaction takes all the pools it will touch at once, through this module, and never more afterwards.
2. Pools are locked in the order of their ids. Two calls can deadlock; unordered calls can deadlock.
3. Whoever locks several kinds of rows does so in this order, and leaves out what it does not need:
   an order, counters and codes of promotions, holds, pools, customers, identities, serial numbers, what a person used.
   Rows that lead to pools (orders, holds) come before the pools, and so does what may turn an order down without them
   (uses of promotions). What a sale only adds (whose it is, which devices left, what its buyer used) comes after them,
   since a sale that is refused for its stock must leave nobody behind. Giving back goes the same way as taking.
4. Of each kind all are taken in one statement, in the order of their keys: customers by id, identities by kind and
   value, serial numbers by sku and number. To insert such a key is to lock it: whoever inserts it too waits.
5. Nobody waits for ever: every connection has a `lock_timeout` of three seconds (kernel/db.py), and whoever hits it is
   told to send the same request again.
6. A decision is made on what was read under the lock. A plain read may say "no" early; it never says "yes".

What is new under a lock (a pool that does not exist yet) is inserted before locking, in key order, by `ensure_pools`.
A merge cannot know every order beforehand: one that comes while it waits for its customers is moved though it was not
locked first. Where that makes a circle the database breaks it, and whoever was picked is told to send it again.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session
from commerce.kernel.ids import new_id

Place = tuple[str, str]
"""(location, sku): where a general pool is found."""


class PoolRow(NamedTuple):
    """A pool as it was when it was read."""

    id: str
    location: str
    sku: str
    supply: int
    held: int
    overdrawn: int

    @property
    def free(self) -> int:
        """Units nobody has spoken for; an overdrawn pool has none."""
        return max(0, self.supply - self.held)


_COLUMNS = "SELECT p.id, p.location, p.sku, p.supply, p.held, p.overdrawn FROM stock_pools p"
_BY_PLACE = """
    JOIN unnest(CAST(:locations AS text[]), CAST(:skus AS text[])) AS w (location, sku)
      ON p.location = w.location AND p.sku = w.sku
   WHERE p.purpose = 'general'
"""
_READ = text(f"{_COLUMNS} {_BY_PLACE}")
_LOCK_PLACES = text(f"{_COLUMNS} {_BY_PLACE} ORDER BY p.id FOR UPDATE OF p")
_LOCK = text(f"{_COLUMNS} WHERE p.id = ANY(CAST(:ids AS text[])) ORDER BY p.id FOR UPDATE")
_ENSURE = text("""
    INSERT INTO stock_pools (id, location, sku)
    SELECT id, location, sku
      FROM unnest(CAST(:ids AS text[]), CAST(:locations AS text[]), CAST(:skus AS text[])) AS w (id, location, sku)
     ORDER BY sku, location
    ON CONFLICT (sku, location, purpose) DO NOTHING
""")


async def read_places(tx: ReadSession, places: Collection[Place]) -> dict[Place, PoolRow]:
    """The general pools of these places, without a lock: good enough to say no, never to say yes."""
    return _by_place(await tx.execute(_READ, _unzipped(places)))


async def lock_places(tx: Session, places: Collection[Place]) -> dict[Place, PoolRow]:
    """Take the general pools of these places, once per transaction, in id order. A place without a pool is absent."""
    return _by_place(await tx.execute(_LOCK_PLACES, _unzipped(places)))


async def lock_pools(tx: Session, pool_ids: Collection[str]) -> dict[str, PoolRow]:
    """Take these pools, once per transaction, in id order."""
    rows = await tx.execute(_LOCK, {"ids": sorted(set(pool_ids))})
    return {row[0]: PoolRow(*row) for row in rows}


async def ensure_pools(tx: Session, places: Collection[Place]) -> None:
    """See to it that every one of these places has a general pool, if need be an empty one."""
    await tx.execute(_ENSURE, {**_unzipped(places), "ids": [new_id("pol") for _ in set(places)]})


def _unzipped(places: Collection[Place]) -> dict[str, list[str]]:
    ordered = sorted(set(places))
    return {"locations": [location for location, _ in ordered], "skus": [sku for _, sku in ordered]}


def _by_place(rows: Iterable[tuple[str, str, str, int, int, int]]) -> dict[Place, PoolRow]:
    pools = (PoolRow(*row) for row in rows)
    return {(pool.location, pool.sku): pool for pool in pools}
