"""In time: when a change begins, how long before that it is scheduled, and by when its transaction must be over.

Whoever charges must have heard of a change before it begins (`pricing.books.lead`): a transaction that publishes is
therefore committed in time or not at all. A change of thousands of prices takes longer to write than one of a few, so
it is scheduled earlier, and may take longer by as much.
"""

from datetime import datetime, timedelta

from commerce.kernel.db import Session, commit_by
from pricing.books.errors import TooSoon
from pricing.books.lead import HEARD_WITHIN, LEAD
from pricing.changes.move import WHAT, Change
from pricing.errors import PriceInThePast, StartMissed, StartNotApproved

WRITTEN_PER_SECOND = 100
"""Prices; so few that a busy server is not behind, even where they have changed every week for a year."""
LONGEST = timedelta(minutes=5)
"""However far ahead it is scheduled, the market is not locked for longer."""


def lead_for(items: int) -> timedelta:
    """How long before its start a change of so many prices is scheduled, at least."""
    return LEAD + timedelta(seconds=items // WRITTEN_PER_SECOND)


def must_be_in_time(field: str, begins: datetime, items: int, now: datetime) -> None:
    """Let a change through that begins late enough to be written and known by then. Raises TooSoon."""
    if begins < now + lead_for(items):
        raise TooSoon(field, begins, now + lead_for(items))


def start_to_submit(change: Change, now: datetime) -> datetime:
    """When a draft would begin: as it says, or as soon as everybody can know of it. Raises PriceInThePast."""
    begins = change.starts_at or now + lead_for(change.items)
    if begins < now:
        raise PriceInThePast("starts_at", begins, now)
    return begins


def start_to_schedule(change: Change, asked: datetime | None, now: datetime) -> datetime:
    """When a change that is scheduled now begins: as it was approved to, and at no other instant.

    Where nobody said when, at the instant that is asked for, or as soon as everybody can know of it.
    Raises StartNotApproved, StartMissed, TooSoon.
    """
    approved, earliest = change.starts_at, now + lead_for(change.items)
    if approved is None:
        begins = asked or earliest
        must_be_in_time("starts_at", begins, change.items, now)
        return begins
    if asked is not None and asked != approved:
        raise StartNotApproved("starts_at", WHAT, change.id, approved, asked)
    if approved < earliest:
        raise StartMissed("starts_at", WHAT, change.id, approved, earliest)
    return approved


async def done_in_time(tx: Session, begins: datetime, now: datetime) -> None:
    """Have this transaction committed long enough before that instant, or not at all.

    It is called before anything else gives the transaction less time. Raises Busy.
    """
    await commit_by(tx, min(begins - HEARD_WITHIN, now + LONGEST))
