"""Review: hand a promotion over, and say yes or no to what somebody else wrote."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from pricing.errors import OwnChange
from pricing.promotions.clauses import must_make_sense
from pricing.promotions.facts import known_facts
from pricing.promotions.rules import PromotionState
from pricing.promotions.stored import Stored, as_written, go, lock_promotion, note, promotion_by_id

_SUBMITTED = text("UPDATE promotions SET submitted_by = :actor WHERE id = :id")
_APPROVED = text("UPDATE promotions SET approved_by = :actor WHERE id = :id")
_WROTE = text("""
    SELECT EXISTS (SELECT 1 FROM promotion_steps
                    WHERE promotion_id = :id AND actor = :actor AND step IN ('draft', 'edited', 'submitted'))
""")


async def submit(tx: Session, promotion_id: str, said: str | None, actor: str, now: datetime) -> Stored:
    """Hand a draft to somebody else. Raises NotFound, MoveNotAllowed, MalformedPromotion for what is gone by now."""
    stored = await lock_promotion(tx, promotion_id)
    await go(tx, stored, PromotionState.SUBMITTED, now)
    await must_still_make_sense(tx, stored, now)
    await tx.execute(_SUBMITTED, {"id": promotion_id, "actor": actor})
    await note(tx, promotion_id, str(PromotionState.SUBMITTED), actor, said, now)
    return await promotion_by_id(tx, promotion_id)


async def approve(tx: Session, promotion_id: str, said: str | None, actor: str, now: datetime) -> Stored:
    """Say yes. Raises NotFound, MoveNotAllowed, OwnChange for whoever wrote, edited or submitted it."""
    stored = await lock_promotion(tx, promotion_id)
    await go(tx, stored, PromotionState.APPROVED, now)
    if (await tx.execute(_WROTE, {"id": promotion_id, "actor": actor})).scalar_one():
        raise OwnChange("promotion", promotion_id, actor)
    await tx.execute(_APPROVED, {"id": promotion_id, "actor": actor})
    await note(tx, promotion_id, str(PromotionState.APPROVED), actor, said, now)
    return await promotion_by_id(tx, promotion_id)


async def reject(tx: Session, promotion_id: str, said: str, actor: str, now: datetime) -> Stored:
    """Say no, and why; whoever wrote it may copy it and write it better. Raises NotFound, MoveNotAllowed."""
    stored = await lock_promotion(tx, promotion_id)
    await go(tx, stored, PromotionState.REJECTED, now)
    await note(tx, promotion_id, str(PromotionState.REJECTED), actor, said, now)
    return await promotion_by_id(tx, promotion_id)


async def must_still_make_sense(tx: Session, stored: Stored, now: datetime) -> None:
    """Whatever it names must still be there. Raises MalformedPromotion."""
    body = await as_written(tx, stored)
    must_make_sense(body, await known_facts(tx, body.market, body.conditions, body.benefit, body.starts_at or now))
