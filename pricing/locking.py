"""The law of locking: whoever changes one history of dated facts holds its lock until the transaction ends.

The exclusion constraint alone is right but rude: two inserts at once wait for each other, and PostgreSQL ends one of
them as a deadlock after a second. With the lock the second reads what the first wrote, and can say what is wrong.
A transaction takes one such lock, and takes it before it reads.
"""

from sqlalchemy import text

from commerce.kernel.db import Session

EXCLUDED = frozenset({"23P01", "23505"})
"""What PostgreSQL says where the constraint, or the primary key, refuses an overlap after all."""

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:history, 0))")


async def lock_history(tx: Session, table: str, market: str, of: str) -> None:
    """Be the only one who changes this history until the transaction ends. Waits as long as `lock_timeout` allows."""
    await tx.execute(_LOCK, {"history": f"{table} {market} {of}"})
