"""Release holds: whoever no longer wants the goods gives them back."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from inventory.end_holds import HoldRow, end_holds
from inventory.rules import HoldState

_LOCK_LIVE = text("""
    SELECT id, pool_id, reference, units FROM holds
     WHERE reference = ANY(CAST(:references AS text[])) AND ended_at IS NULL
     ORDER BY id FOR UPDATE
""")


async def release_holds(tx: Session, references: Collection[str], now: datetime) -> list[HoldRow]:
    """Give back everything that is still held for these references, and tell what it was. Nothing held is no error."""
    rows = await tx.execute(_LOCK_LIVE, {"references": sorted(set(references))})
    holds = [HoldRow(*row) for row in rows]
    await end_holds(tx, holds, HoldState.RELEASED, now)
    return holds
