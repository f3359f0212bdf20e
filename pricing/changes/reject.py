"""Reject: a change that was submitted is not going to be, and the approver says why."""

from datetime import datetime

from commerce.kernel.db import Session
from pricing.changes.move import lock_change, move_change
from pricing.changes.rules import PriceChangeState


async def reject_change(tx: Session, change_id: str, actor: str, note: str, now: datetime) -> None:
    """Reject a change; what is to be done instead is drafted anew. Raises NotFound, MoveNotAllowed."""
    await move_change(tx, await lock_change(tx, change_id), PriceChangeState.REJECTED, actor, now, note)
