"""Come due: a change that has begun is live, one whose time is over has ended, one that was put back is rolled back.

What is charged does not wait for this: prices begin and end by themselves. Who reads a change is shown what it has
become all the same, see `queries`.
"""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from pricing.changes.events import PriceChangeEnded, PriceChangeLive, PriceChangeRolledBack
from pricing.changes.move import Change, lock_change, move_change
from pricing.changes.rules import PriceChangeState

SCHEDULE = "schedule"
"""Who moved it, in its diary."""
BATCH_MAX = 50

_COUNTER = text("""
    SELECT id, starts_at FROM price_changes
     WHERE counter_of = :id AND state IN ('scheduled', 'live', 'ended', 'rolled_back') AND starts_at <= :now
     ORDER BY id LIMIT 1
""")
_DUE = text("""
    SELECT c.id FROM price_changes c
     WHERE c.state = 'scheduled' AND c.starts_at <= :now
        OR c.state = 'live' AND c.ends_at <= :now
        OR c.state = 'live' AND EXISTS (SELECT FROM price_changes k
                                         WHERE k.counter_of = c.id AND k.state IN ('scheduled', 'live')
                                           AND k.starts_at <= :now)
     ORDER BY c.id LIMIT :most FOR UPDATE SKIP LOCKED
""")


async def come_due(tx: Session, now: datetime) -> int:
    """Move up to a batch of changes to where they are by now; how many there were. Who comes second finds nothing."""
    due = (await tx.execute(_DUE, {"now": now, "most": BATCH_MAX})).scalars().all()
    for change_id in due:
        await catch_up(tx, await lock_change(tx, change_id), now)
    return len(due)


async def catch_up(tx: Session, change: Change, now: datetime) -> Change:
    """Move a change that is locked to where it is by now, and tell. Its diary says when it came there."""
    begins, ends = change.starts_at, change.ends_at
    if change.state is PriceChangeState.SCHEDULED and begins is not None and begins <= now:
        change = await move_change(tx, change, PriceChangeState.LIVE, SCHEDULE, begins)
        await tell(tx, PriceChangeLive(change.id, change.market, begins), now)
    if change.state is not PriceChangeState.LIVE:
        return change
    counter = (await tx.execute(_COUNTER, {"id": change.id, "now": now})).one_or_none()
    if counter is not None:
        change = await move_change(tx, change, PriceChangeState.ROLLED_BACK, SCHEDULE, counter.starts_at, counter.id)
        await tell(tx, PriceChangeRolledBack(change.id, change.market, counter.id, counter.starts_at), now)
    elif ends is not None and ends <= now:
        change = await move_change(tx, change, PriceChangeState.ENDED, SCHEDULE, ends)
        await tell(tx, PriceChangeEnded(change.id, change.market, ends), now)
    return change
