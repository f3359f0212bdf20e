"""What books do by themselves, again and again."""

from datetime import datetime, timedelta

from commerce.kernel.db import Database
from commerce.kernel.schedules import Job
from pricing.books.publish import publish_everywhere
from pricing.books.readiness import LOOKED_EVERY, report_readiness


async def compile_books(db: Database, now: datetime) -> None:
    """Publish what has come within the horizon since the last book, and what the catalog says by now.

    Safe to repeat: a book that would say what the last one says is not published.
    """
    await publish_everywhere(db, now)


JOBS = {
    "compile_books": Job(timedelta(minutes=1), compile_books),
    "report_readiness": Job(LOOKED_EVERY, report_readiness),
}
"""For the scheduler."""
