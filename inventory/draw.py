"""Draw stock: goods have left a store with a buyer. That is a fact, booked even if we thought there were none."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from inventory.locking import Place, PoolRow, ensure_pools, lock_places, read_places
from inventory.open_overdrafts import Short, open_overdrafts


class Drawn(NamedTuple):
    """Units of some skus that left one location for one reference."""

    reference: str
    location: str
    units: Mapping[str, int]
    actor: str


class Shortfall(NamedTuple):
    """Units that left although the pool did not have them free."""

    sku: str
    location: str
    units: int


_DRAW = text("""
    WITH drawn AS (
        SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:pools AS text[]), CAST(:references AS text[]),
                             CAST(:units AS int[]), CAST(:actors AS text[]))
                      AS d (id, pool_id, reference, units, actor)
    ), less AS (
        UPDATE stock_pools p
           SET supply = p.supply - d.units, overdrawn = greatest(0, p.held - (p.supply - d.units))
          FROM (SELECT pool_id, sum(units)::int AS units FROM drawn GROUP BY pool_id) AS d
         WHERE p.id = d.pool_id
    )
    INSERT INTO movements (id, pool_id, kind, units, reference, actor, moved_at)
    SELECT id, pool_id, 'sold', -units, reference, actor, :now FROM drawn
""")


async def draw_stock(tx: Session, draws: Sequence[Drawn], now: datetime) -> list[list[Shortfall]]:
    """Take out what was sold at tills, many sales at once; tell for each what we thought was not there.

    Every shortfall becomes an overdraft, a case for a person.
    """
    places = {(draw.location, sku) for draw in draws for sku in draw.units}
    known = await read_places(tx, places)
    if len(known) < len(places):
        await ensure_pools(tx, places - known.keys())
    pools = await lock_places(tx, places)
    free = {place: pool.free for place, pool in pools.items()}
    shortfalls = [_shortfalls(draw, free) for draw in draws]
    await _write_movements(tx, draws, pools, now)
    await _open_cases(tx, draws, shortfalls, pools, now)
    return shortfalls


def _shortfalls(draw: Drawn, free: dict[Place, int]) -> list[Shortfall]:
    short = []
    for sku, units in sorted(draw.units.items()):
        place = (draw.location, sku)
        missing = units - free[place]
        free[place] = max(0, -missing)
        if missing > 0:
            short.append(Shortfall(sku, draw.location, missing))
    return short


async def _write_movements(tx: Session, draws: Sequence[Drawn], pools: Mapping[Place, PoolRow], now: datetime) -> None:
    rows = [
        (pools[draw.location, sku].id, draw.reference, units, draw.actor)
        for draw in draws
        for sku, units in sorted(draw.units.items())
    ]
    facts = {
        "ids": [new_id("mov", now) for _ in rows],
        "pools": [pool_id for pool_id, _, _, _ in rows],
        "references": [reference for _, reference, _, _ in rows],
        "units": [units for _, _, units, _ in rows],
        "actors": [actor for _, _, _, actor in rows],
        "now": now,
    }
    await tx.execute(_DRAW, facts)


async def _open_cases(
    tx: Session,
    draws: Sequence[Drawn],
    shortfalls: Sequence[Sequence[Shortfall]],
    pools: Mapping[Place, PoolRow],
    now: datetime,
) -> None:
    shorts = [
        Short(pools[short.location, short.sku], short.units, draw.reference)
        for draw, missing in zip(draws, shortfalls, strict=True)
        for short in missing
    ]
    await open_overdrafts(tx, shorts, now)
