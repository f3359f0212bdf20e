"""Submit: an author says that a change is what they want, and asks somebody else to look at it."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from pricing.changes.check import check_change
from pricing.changes.in_time import start_to_submit
from pricing.changes.move import lock_change, may_become, move_change
from pricing.changes.rules import PriceChangeState

_BY = text("UPDATE price_changes SET submitted_by = :actor WHERE id = :id")


async def submit_change(tx: Session, change_id: str, actor: str, now: datetime, note: str | None = None) -> None:
    """Submit a draft that could be scheduled as things are now.

    Raises NotFound, MoveNotAllowed, and whatever scheduling it would be refused with: PriceInThePast, PriceOverlaps,
    ParityBroken, SkuRetired.
    """
    change = await lock_change(tx, change_id)
    may_become(change, PriceChangeState.SUBMITTED)
    await check_change(tx, change, start_to_submit(change, now), now)
    await tx.execute(_BY, {"id": change.id, "actor": actor})
    await move_change(tx, change, PriceChangeState.SUBMITTED, actor, now, note)
