"""Expire holds: what nobody confirmed in time is free for others."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.outbox import tell_many
from inventory.end_holds import HoldRow, end_holds
from inventory.events import HoldExpired
from inventory.rules import HoldState

BATCH_MAX = 500

# A hold's parts stand under its first one: whoever has that one locked has the hold, so two that expire at once never
# share a hold, and it is told once.
_CLAIM = text("""
    SELECT h.reference FROM holds h
     WHERE h.ended_at IS NULL AND h.expires_at <= :now
       AND NOT EXISTS (SELECT 1 FROM holds o WHERE o.reference = h.reference AND o.ended_at IS NULL AND o.id < h.id)
     ORDER BY h.expires_at LIMIT :most FOR UPDATE OF h SKIP LOCKED
""")
_LOCK_PARTS = text("""
    SELECT id, pool_id, reference, units FROM holds
     WHERE reference = ANY(CAST(:references AS text[])) AND ended_at IS NULL AND expires_at <= :now
     ORDER BY id FOR UPDATE
""")


async def expire_holds(tx: Session, now: datetime, most: int = BATCH_MAX) -> list[str]:
    """End up to `most` holds whose time is over, the longest overdue first, and tell each one's reference.

    What somebody else is working on is left to them.
    """
    claimed = list((await tx.execute(_CLAIM, {"now": now, "most": most})).scalars())
    if not claimed:
        return []
    parts = [HoldRow(*row) for row in await tx.execute(_LOCK_PARTS, {"references": claimed, "now": now})]
    await end_holds(tx, parts, HoldState.EXPIRED, now)
    await tell_many(tx, [HoldExpired(reference) for reference in claimed], now)
    return claimed
