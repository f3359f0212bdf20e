"""What promotions do by themselves: their instants pass. The book knows of them already, so no charge changes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from commerce.kernel.db import Database
from commerce.kernel.outbox import tell_many
from commerce.kernel.schedules import Job
from pricing.promotions.events import PromotionEnded, PromotionStarted

AT_ONCE = 500
# NO KEY: a row that an order refers to just now is not passed over.
_START = text("""
    WITH due AS (SELECT id FROM promotions WHERE state = 'scheduled' AND starts_at <= :now
                  ORDER BY id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED),
    moved AS (UPDATE promotions p SET state = 'live' FROM due WHERE p.id = due.id
              RETURNING p.id, p.market, p.starts_at),
    noted AS (INSERT INTO promotion_steps (promotion_id, step, actor, at)
              SELECT id, 'live', 'worker', :now FROM moved)
    SELECT id, market, starts_at FROM moved ORDER BY starts_at, id
""")
_END = text("""
    WITH due AS (SELECT id FROM promotions WHERE state = 'live' AND ends_at <= :now
                  ORDER BY id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED),
    moved AS (UPDATE promotions p SET state = 'ended' FROM due WHERE p.id = due.id
              RETURNING p.id, p.market, p.ends_at),
    noted AS (INSERT INTO promotion_steps (promotion_id, step, actor, at)
              SELECT id, 'ended', 'worker', :now FROM moved)
    SELECT id, market, ends_at FROM moved ORDER BY ends_at, id
""")


async def keep_promotions_time(db: Database, now: datetime) -> None:
    """Write down what has begun and what is over, and tell of it. Safe to repeat: each moves once.

    Whoever reads a promotion sees where it stands by its instants, even if this comes late.
    """
    facts = {"now": now, "most": AT_ONCE}
    more = True
    while more:
        async with db.transaction() as tx:
            started: Sequence[Any] = (await tx.execute(_START, facts)).all()
            await tell_many(tx, [PromotionStarted(row[0], row[1], row[2]) for row in started], now)
            ended: Sequence[Any] = (await tx.execute(_END, facts)).all()
            await tell_many(tx, [PromotionEnded(row[0], row[1], row[2]) for row in ended], now)
        more = max(len(started), len(ended)) == AT_ONCE


JOBS = {"keep_promotions_time": Job(timedelta(seconds=1), keep_promotions_time)}
"""For the scheduler."""
