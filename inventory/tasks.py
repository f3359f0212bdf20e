"""What inventory does by itself, again and again."""

from datetime import datetime, timedelta

from commerce.kernel.db import Database
from commerce.kernel.schedules import Job
from inventory.expire_holds import BATCH_MAX, expire_holds


async def expire_due_holds(db: Database, now: datetime) -> None:
    """End every hold whose time is over, in batches that are kept one by one.

    Safe to repeat: a hold that has ended is not found again.
    """
    while True:
        async with db.transaction() as tx:
            expired = await expire_holds(tx, now)
        if len(expired) < BATCH_MAX:
            return


JOBS = {"expire_due_holds": Job(timedelta(seconds=10), expire_due_holds)}
"""For the scheduler. The law about overdue holds reads this job's row by its name."""
