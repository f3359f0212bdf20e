"""How long before its start a change is known everywhere: why no process ever quotes from a stale book.

A change of what is charged is published at least `LEAD` before it begins. Let P be the instant, by the publisher's
clock, of which it says "now"; the change begins at S >= P + LEAD. Its transaction is cut off `COMMIT_WITHIN` after it
was told to be (`commit_within`), so the new number can be read before P + COMMIT_WITHIN. A process remembers the number
of the current book for `LEASE` at most, counted from before it asked: if what it remembers misses the change, it asked
before that commit, and forgets the answer before P + COMMIT_WITHIN + LEASE. So whatever it quotes from the older book,
it quotes at an instant before

    P + COMMIT_WITHIN + LEASE  =  S - SKEW  at the latest,

and until S both books say the same. `SKEW` is what is left: the clocks of two processes may differ by so much, and the
disk may take its share of it for the commit itself, before anybody could quote a price that is over.

What this does not count yet: the time between P and being told to be cut off, in which a transaction may wait for a
connection and for locks. Where that is long, the commit comes later than the proof says.

That both books say the same until S is not taken on trust: `publish_book` lays the new book beside the last one, and
refuses to publish what would change a charge before P + LEAD (`ChangesTooSoon`).

What has no beginning of its own holds from the book that brings it: an item's category or brand, how tax is rounded, a
market's options. A process has it within LEASE; an order, which looks the number up in its own transaction, at once.
"""

from datetime import datetime, timedelta

from sqlalchemy import text

from commerce.kernel.db import Session
from pricing.books.errors import TooSoon

LEAD = timedelta(seconds=10)
"""Nothing that changes what is charged begins sooner from now. "Now" means now + LEAD."""
LEASE = timedelta(seconds=2)
"""So long a process may remember which book is the current one."""
COMMIT_WITHIN = timedelta(seconds=4)
"""A transaction that publishes is cut off after so long."""
SKEW = LEAD - LEASE - COMMIT_WITHIN
"""By so much the clocks of two processes may differ."""

_CUT_OFF_SINCE = 17_00_00
"""PostgreSQL 17 can end a transaction that takes too long; before, only each statement has its limit."""

_VERSION = text("SELECT current_setting('server_version_num')::int")
_CUT_OFF = text(f"SET LOCAL transaction_timeout = '{COMMIT_WITHIN // timedelta(milliseconds=1)}ms'")


async def commit_within(tx: Session) -> None:
    """Have this transaction cut off if it is not committed in time. The first call counts; later ones change nothing.

    Whoever schedules a change calls it as the first thing in its transaction; `publish_book` calls it in any case.
    """
    if (await tx.execute(_VERSION)).scalar_one() >= _CUT_OFF_SINCE:
        await tx.execute(_CUT_OFF)


def must_lead(field: str, begins: datetime, now: datetime) -> None:
    """Let a change through that begins late enough to be known everywhere by then. Raises TooSoon naming the field."""
    if begins < now + LEAD:
        raise TooSoon(field, begins, now + LEAD)
