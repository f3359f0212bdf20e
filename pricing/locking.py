"""The law of locking: whoever changes what a market charges holds its lock until the transaction ends.

Prices, promotions, taxes and policies of a market are compiled into one numbered book, so they change one after the
other: who comes second reads what the first wrote, and can say what is wrong. (The exclusion constraints alone are
right but rude: two inserts at once wait for each other, and PostgreSQL ends one of them as a deadlock after a second.)
The lock is taken before anything that it protects is read. Taking it twice in a transaction does no harm; taking those
of two markets is done in the order of their codes.
"""

from sqlalchemy import text

from commerce.kernel.db import Session

EXCLUDED = frozenset({"23P01", "23505"})
"""What PostgreSQL says where the constraint, or the primary key, refuses an overlap after all."""

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('prices ' || :market, 0))")


async def lock_market(tx: Session, market: str) -> None:
    """Be the only one who changes what a market charges until the transaction ends.

    Waits as long as `lock_timeout` allows.
    """
    await tx.execute(_LOCK, {"market": market})
