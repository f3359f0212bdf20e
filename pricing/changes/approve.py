"""Approve: somebody else has looked at a change, and it may be charged."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from pricing.changes.move import WHAT, lock_change, move_change
from pricing.changes.rules import PriceChangeState
from pricing.errors import OwnChange

_BY = text("UPDATE price_changes SET approved_by = :actor, approved_at = :now WHERE id = :id")


async def approve_change(tx: Session, change_id: str, actor: str, note: str | None, now: datetime) -> None:
    """Approve a change that somebody else drafted and submitted. Raises NotFound, OwnChange, MoveNotAllowed."""
    change = await lock_change(tx, change_id)
    if actor in {change.created_by, change.submitted_by}:
        raise OwnChange(WHAT, change_id, actor)
    await move_change(tx, change, PriceChangeState.APPROVED, actor, now, note)
    await tx.execute(_BY, {"id": change.id, "actor": actor, "now": now})
