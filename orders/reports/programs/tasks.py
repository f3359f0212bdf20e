"""What attach programs do by themselves, again and again."""

from datetime import datetime, timedelta

from commerce.kernel.db import Database
from commerce.kernel.schedules import Job
from orders.reports.programs.evaluate import evaluate_due


async def evaluate_attach_programs(db: Database, now: datetime) -> None:
    """Look at every active program with a band, once for the last day that is over in every market.

    Days on which no worker worked are not made up for: most of their sales are in the next look, too. Safe to repeat: a
    day that was looked at is not looked at again, and of an alert there is one.
    """
    await evaluate_due(db, now)


JOBS = {"evaluate_attach_programs": Job(timedelta(minutes=15), evaluate_attach_programs)}
"""For the scheduler. Days end at a quarter of an hour in every time zone."""
