"""Open overdrafts: more is promised than is there, and only a person can say who will be disappointed."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.outbox import tell_many
from inventory.events import StockOverdrawn
from inventory.locking import PoolRow


class Short(NamedTuple):
    """Units that a pool turned out not to have, and the sale, count or order that showed it."""

    pool: PoolRow
    units: int
    reference: str


_OPEN = text("""
    INSERT INTO overdrafts (id, pool_id, reference, units, opened_at)
    SELECT id, pool_id, reference, units, :now
      FROM unnest(CAST(:ids AS text[]), CAST(:pools AS text[]), CAST(:references AS text[]), CAST(:units AS int[]))
           AS c (id, pool_id, reference, units)
""")


async def open_overdrafts(tx: Session, shorts: Sequence[Short], now: datetime) -> list[str]:
    """Make a case for each, tell of it, and answer the cases' ids in the same order."""
    if not shorts:
        return []
    ids = [new_id("ovd", now) for _ in shorts]
    facts = {
        "ids": ids,
        "pools": [short.pool.id for short in shorts],
        "references": [short.reference for short in shorts],
        "units": [short.units for short in shorts],
        "now": now,
    }
    await tx.execute(_OPEN, facts)
    told = [
        StockOverdrawn(case_id, short.pool.sku, short.pool.location, short.units, short.reference)
        for case_id, short in zip(ids, shorts, strict=True)
    ]
    await tell_many(tx, told, now)
    return ids
