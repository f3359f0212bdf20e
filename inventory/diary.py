"""The diary: every unit that comes or goes is a line, and supply is their sum."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from inventory.errors import TooMuchStock
from inventory.locking import PoolRow
from inventory.rules import SUPPLY_MAX, MovementKind


class Move(NamedTuple):
    """Units that come into a pool (positive) or leave it (negative)."""

    pool_id: str
    kind: MovementKind
    units: int
    reference: str
    reason: str | None = None


_WRITE = text("""
    WITH moved AS (
        SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:pools AS text[]), CAST(:kinds AS text[]),
                             CAST(:units AS int[]), CAST(:references AS text[]), CAST(:reasons AS text[]))
                      AS m (id, pool_id, kind, units, reference, reason)
    ), written AS (
        INSERT INTO movements (id, pool_id, kind, units, reference, reason, actor, moved_at)
        SELECT id, pool_id, kind, units, reference, reason, :actor, :now FROM moved
    )
    UPDATE stock_pools p
       SET supply = p.supply + m.units, overdrawn = greatest(0, p.held - p.supply - m.units)
      FROM (SELECT pool_id, sum(units)::int AS units FROM moved GROUP BY pool_id) AS m
     WHERE p.id = m.pool_id
 RETURNING p.id, p.location, p.sku, p.supply, p.held, p.overdrawn
""")


async def write_movements(tx: Session, moves: Sequence[Move], actor: str, now: datetime) -> dict[str, PoolRow]:
    """Write the lines and change the pools by their sums; answers the pools as they are now, by id.

    The caller has locked the pools and decided. Raises TooMuchStock.
    """
    facts = {
        "ids": [new_id("mov", now) for _ in moves],
        "pools": [move.pool_id for move in moves],
        "kinds": [str(move.kind) for move in moves],
        "units": [move.units for move in moves],
        "references": [move.reference for move in moves],
        "reasons": [move.reason for move in moves],
        "actor": actor,
        "now": now,
    }
    pools = {row[0]: PoolRow(*row) for row in await tx.execute(_WRITE, facts)} if moves else {}
    for pool in pools.values():
        if pool.supply > SUPPLY_MAX:
            raise TooMuchStock(pool.sku, pool.location, SUPPLY_MAX)
    return pools
