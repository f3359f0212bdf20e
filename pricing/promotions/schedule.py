"""Schedule: put an approved promotion into its market's book, take it out before it begins, or end it before its time.

All three hold the market's lock and publish the book in the same transaction, and nothing that changes what is charged
takes effect sooner than the lead.
"""

from datetime import datetime

from sqlalchemy import text

from catalog.rules import check_instant
from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from commerce.kernel.refusals import MoveNotAllowed
from pricing.books.lead import LEAD, must_lead
from pricing.books.publish import publish_book
from pricing.errors import StartMissed, StartNotApproved, TooLateToWithdraw
from pricing.locking import lock_market
from pricing.promotions.errors import Fault, LaneIsFull, MalformedPromotion
from pricing.promotions.events import PromotionScheduled, PromotionStopped, PromotionWithdrawn
from pricing.promotions.review import must_still_make_sense
from pricing.promotions.rules import IN_A_LANE_MAX, PromotionState, Running, is_searched, most_at_once
from pricing.promotions.stored import COLUMNS, Stored, go, lock_promotion, market_of, may_go, note, promotion_by_id

_START = text("UPDATE promotions SET state = 'scheduled', starts_at = :starts_at WHERE id = :id")
_COUNT = text("INSERT INTO promotion_counters (promotion_id, most) VALUES (:id, :most)")
_STOP = text("UPDATE promotions SET ends_at = :ends_at WHERE id = :id")
# The columns are a module's own; no value is in the text.
_LANE = text(f"""
    SELECT {COLUMNS} FROM promotions p
     WHERE p.market = :market AND p.state IN ('scheduled', 'live') AND p.id <> :id
       AND p.definition ->> 'lane' = CAST(:lane AS text)
       AND (p.ends_at IS NULL OR p.ends_at > :starts_at)
""")  # noqa: S608 - see above


async def schedule(tx: Session, promotion_id: str, starts_at: datetime | None, actor: str, now: datetime) -> Stored:
    """Let it start as it was approved; where that said no start, at the given instant or as soon as all can know of it.

    One whose approved start has passed does not start any more: it is copied, and approved again. Raises NotFound,
    MoveNotAllowed, StartNotApproved, StartMissed, TooSoon, LaneIsFull, MalformedPromotion where it would be over by
    then, or where something that it names is gone.
    """
    check_instant("starts_at", starts_at)
    await lock_market(tx, await market_of(tx, promotion_id))
    stored = await lock_promotion(tx, promotion_id)
    may_go(stored, PromotionState.SCHEDULED, now)
    if starts_at is not None and stored.starts_at is not None and starts_at != stored.starts_at:
        raise StartNotApproved("starts_at", "promotion", promotion_id, stored.starts_at, starts_at)
    if stored.starts_at is not None and stored.starts_at < now + LEAD:
        raise StartMissed("starts_at", "promotion", promotion_id, stored.starts_at, now + LEAD)
    begins = stored.starts_at or starts_at or now + LEAD
    must_lead("starts_at", begins, now)
    if stored.ends_at is not None and stored.ends_at <= begins:
        raise MalformedPromotion("ends_at", [Fault("ends_at", "It would be over before it starts.")])
    await must_still_make_sense(tx, stored, now)
    await _must_find_room(tx, stored, begins)
    await tx.execute(_START, {"id": promotion_id, "starts_at": begins})
    if stored.limits.total is not None:
        await tx.execute(_COUNT, {"id": promotion_id, "most": stored.limits.total})
    await note(tx, promotion_id, str(PromotionState.SCHEDULED), actor, None, now, {"starts_at": begins})
    await tell(tx, PromotionScheduled(promotion_id, stored.market, begins, stored.ends_at), now)
    await publish_book(tx, stored.market, now)
    return await promotion_by_id(tx, promotion_id)


async def withdraw(tx: Session, promotion_id: str, said: str | None, actor: str, now: datetime) -> Stored:
    """Take it back before anybody gets it. Raises NotFound, MoveNotAllowed, TooLateToWithdraw.

    One that is scheduled leaves the book in time for everybody: just before its start it can only be stopped.
    """
    market = await market_of(tx, promotion_id)
    await lock_market(tx, market)
    stored = await lock_promotion(tx, promotion_id)
    await go(tx, stored, PromotionState.WITHDRAWN, now)
    await note(tx, promotion_id, str(PromotionState.WITHDRAWN), actor, said, now)
    if stored.state is PromotionState.SCHEDULED:
        assert stored.starts_at is not None, "whatever is scheduled has a start"
        if stored.starts_at < now + LEAD:
            raise TooLateToWithdraw("promotion", promotion_id, stored.starts_at, "Stop it.")
        await tell(tx, PromotionWithdrawn(promotion_id, market), now)
        await publish_book(tx, market, now)
    return await promotion_by_id(tx, promotion_id)


async def stop(tx: Session, promotion_id: str, said: str, actor: str, now: datetime) -> Stored:
    """End it as soon as everybody can know of it. One that ends sooner by itself does so.

    Raises NotFound, MoveNotAllowed where it does not run, nor is about to.
    """
    market = await market_of(tx, promotion_id)
    await lock_market(tx, market)
    stored = await lock_promotion(tx, promotion_id)
    ends_at = now + LEAD
    state = stored.at(now)
    begun = state is PromotionState.LIVE or (
        state is PromotionState.SCHEDULED and stored.starts_at is not None and stored.starts_at < ends_at
    )
    if not begun:
        raise MoveNotAllowed("promotion", str(state), "stopped")
    if stored.ends_at is not None and stored.ends_at <= ends_at:
        return stored
    await tx.execute(_STOP, {"id": promotion_id, "ends_at": ends_at})
    await note(tx, promotion_id, "stopped", actor, said, now, {"ends_at": ends_at, "was": stored.ends_at})
    await tell(tx, PromotionStopped(promotion_id, market, ends_at), now)
    await publish_book(tx, market, now)
    return await promotion_by_id(tx, promotion_id)


async def _must_find_room(tx: Session, stored: Stored, begins: datetime) -> None:
    """The engine searches for the best of all combinations, which ends only where there are few. Raises LaneIsFull.

    Nobody else schedules meanwhile: we hold the market's lock.
    """
    if not is_searched(stored.definition):
        return
    lane = stored.definition.lane
    facts = {"id": stored.id, "market": stored.market, "lane": str(lane), "starts_at": begins}
    others = [Stored.of(row) for row in await tx.execute(_LANE, facts)]
    running = [
        Running(other.starts_at, other.ends_at)
        for other in others
        if other.starts_at is not None and is_searched(other.definition)
    ]
    if most_at_once(begins, stored.ends_at, running) >= IN_A_LANE_MAX:
        raise LaneIsFull("lane", stored.market, lane, IN_A_LANE_MAX)
