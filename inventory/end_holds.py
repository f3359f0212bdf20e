"""End holds: what was kept is free again, or has left."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from inventory.locking import lock_pools
from inventory.rules import HoldState


class HoldRow(NamedTuple):
    """A live hold that the caller has locked."""

    id: str
    pool_id: str
    reference: str
    units: int


_END = text("""
    WITH ended AS (
        UPDATE holds SET ended_at = :now, outcome = :outcome WHERE id = ANY(CAST(:ids AS text[]))
     RETURNING pool_id, units
    )
    UPDATE stock_pools p SET held = p.held - e.units, overdrawn = greatest(0, p.held - e.units - p.supply)
      FROM (SELECT pool_id, sum(units)::int AS units FROM ended GROUP BY pool_id) AS e
     WHERE p.id = e.pool_id
""")


async def end_holds(tx: Session, holds: Sequence[HoldRow], outcome: HoldState, now: datetime) -> None:
    """End holds and take them off their pools. The holds are locked already, as the law of locking has it."""
    if not holds:
        return
    await lock_pools(tx, {hold.pool_id for hold in holds})
    await tx.execute(_END, {"ids": [hold.id for hold in holds], "outcome": str(outcome), "now": now})
