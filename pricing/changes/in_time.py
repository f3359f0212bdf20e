"""In time: how long before its start a change is scheduled, and by when its transaction must be over.

Whoever charges must have heard of a change before it begins (`pricing.books.lead`): a transaction that publishes is
therefore cut off. A change of thousands of prices takes longer to write than one of a few, so it is scheduled earlier,
and may take longer by as much.
"""

from datetime import datetime, timedelta

from sqlalchemy import text

from commerce.kernel.db import Session
from pricing.books.errors import TooSoon
from pricing.books.lead import COMMIT_WITHIN, LEAD

WRITTEN_PER_SECOND = 250
"""Prices; so few that a busy server is not behind."""
_CUT_OFF_SINCE = 17_00_00
"""PostgreSQL 17 can end a transaction that takes too long."""

_VERSION = text("SELECT current_setting('server_version_num')::int")


def lead_for(items: int) -> timedelta:
    """How long before its start a change of so many prices is scheduled, at least."""
    return LEAD + timedelta(seconds=items // WRITTEN_PER_SECOND)


def must_be_in_time(field: str, begins: datetime, items: int, now: datetime) -> None:
    """Let a change through that begins late enough to be written and known by then. Raises TooSoon."""
    if begins < now + lead_for(items):
        raise TooSoon(field, begins, now + lead_for(items))


async def done_in_time(tx: Session, begins: datetime, now: datetime) -> None:
    """Have this transaction cut off if it is not over long enough before that instant. The first thing it does.

    What `publish_book` would set later counts no more: the first limit of a transaction does.
    """
    left = begins - now - (LEAD - COMMIT_WITHIN)
    if (await tx.execute(_VERSION)).scalar_one() >= _CUT_OFF_SINCE:
        milliseconds = min(left, timedelta(minutes=5)) // timedelta(milliseconds=1)
        await tx.execute(text(f"SET LOCAL transaction_timeout = '{milliseconds}ms'"))
