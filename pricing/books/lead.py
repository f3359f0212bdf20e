"""How long before its start a change is known everywhere: why no process ever quotes from a stale book.

A change of what is charged is published at least `LEAD` before it begins. Let P be the instant, by the publisher's
clock, of which it says "now"; the change begins at S >= P + LEAD. Its transaction is committed before P + COMMIT_WITHIN
or not at all (`commit_within`): whatever it waits for, a connection or somebody's lock, is counted, since the clock is
looked at again before the commit, and PostgreSQL ends what stays open for longer than was left. So the new number can
be read before P + COMMIT_WITHIN. A process remembers what it quoted for `LEASE` at most, counted from before it asked
for the number of the current book: if the book that it quoted from misses the change, it asked before that commit, and
forgets the answer before P + COMMIT_WITHIN + LEASE. So whatever it quotes from the older book, it quotes at an instant
before

    P + COMMIT_WITHIN + LEASE  =  S - SKEW  at the latest,

and until S both books say the same. `SKEW` is what is left: the clocks of two processes may differ by so much, and the
disk may take its share of it for the commit itself, before anybody could quote a price that is over. (Before
PostgreSQL 17 the way from the last look at the clock to the commit is nobody's to cut off, and takes its share, too.)

Whoever has more to write than there is time for begins earlier (`pricing/changes/in_time.py`): where the commit may
come as late as D, nothing changes before D + LEASE + SKEW.

That both books say the same until S is not taken on trust: `publish_book` lays the new book beside the last one, and
refuses to publish what would change a charge before everybody knows (`ChangesTooSoon`).

What has no beginning of its own holds from the book that brings it: an item's category or brand, how tax is rounded, a
market's options. A process has it within LEASE; an order, which looks the number up in its own transaction, at once.
"""

from datetime import datetime, timedelta

from commerce.kernel.db import Session, commit_by
from pricing.books.errors import TooSoon

LEAD = timedelta(seconds=10)
"""Nothing that changes what is charged begins sooner from now. "Now" means now + LEAD."""
LEASE = timedelta(seconds=2)
"""So long a process may remember what it quoted."""
COMMIT_WITHIN = timedelta(seconds=4)
"""A transaction that publishes is committed by then, or not at all."""
SKEW = LEAD - LEASE - COMMIT_WITHIN
"""By so much the clocks of two processes may differ."""
HEARD_WITHIN = LEASE + SKEW
"""So long after the commit everybody charges by the new book."""


async def commit_within(tx: Session, now: datetime) -> datetime:
    """Have this transaction committed in time or not at all; from when on everybody charges by what it publishes.

    Whoever needs more time, and begins later, has said so before (`commit_by`). Raises Busy.
    """
    return await commit_by(tx, now + COMMIT_WITHIN) + HEARD_WITHIN


def must_lead(field: str, begins: datetime, now: datetime) -> None:
    """Let a change through that begins late enough to be known everywhere by then. Raises TooSoon naming the field."""
    if begins < now + LEAD:
        raise TooSoon(field, begins, now + LEAD)
