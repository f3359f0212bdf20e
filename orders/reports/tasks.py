"""What reports do by themselves, again and again."""

from datetime import datetime, timedelta

from commerce.kernel.db import Database
from commerce.kernel.schedules import Job
from orders.reports.kept import prune_marks

AT_ONCE = 5_000


async def prune_report_marks(db: Database, now: datetime) -> None:
    """Forget the marks that no kept answer needs, in batches that are kept one by one.

    Safe to repeat: what is forgotten is not found again.
    """
    pruned = AT_ONCE
    while pruned == AT_ONCE:
        async with db.transaction() as tx:
            pruned = await prune_marks(tx, now, AT_ONCE)


JOBS = {"prune_report_marks": Job(timedelta(minutes=10), prune_report_marks)}
"""For the scheduler."""
