"""Close an overdraft: a person has dealt with it, and says how."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.refusals import MoveNotAllowed, NotFound
from inventory.queries import overdraft
from inventory.schemas import OverdraftView

_CLOSE = text("""
    UPDATE overdrafts SET closed_at = :now, closed_by = :actor, note = :note WHERE id = :id AND closed_at IS NULL
""")


async def close_overdraft(tx: Session, overdraft_id: str, note: str, actor: str, now: datetime) -> OverdraftView:
    """Note what was done. The pool stays overdrawn until goods arrive or holds end. Raises NotFound, MoveNotAllowed."""
    done = await tx.execute(_CLOSE, {"id": overdraft_id, "note": note, "actor": actor, "now": now})
    case = await overdraft(tx, overdraft_id)
    if case is None:
        raise NotFound("overdraft", overdraft_id)
    if not getattr(done, "rowcount", 0):
        raise MoveNotAllowed("overdraft", "closed", "closed")
    return case
