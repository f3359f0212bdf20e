"""What price changes do by themselves, again and again."""

from datetime import datetime, timedelta

from commerce.kernel.db import Database
from commerce.kernel.schedules import Job
from pricing.changes.come_due import BATCH_MAX, come_due


async def move_price_changes(db: Database, now: datetime) -> None:
    """Move every change that has begun or ended, in batches that are kept one by one, and tell.

    Safe to repeat: a change that was moved is not found again.
    """
    while True:
        async with db.transaction() as tx:
            moved = await come_due(tx, now)
        if moved < BATCH_MAX:
            return


JOBS = {"move_price_changes": Job(timedelta(seconds=1), move_price_changes)}
