"""Watch: how much is held, for whoever runs this."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import ReadSession

_WATCH = text("""
    SELECT (SELECT coalesce(sum(held), 0)::bigint FROM stock_pools WHERE held > 0),
           (SELECT count(*) FROM holds WHERE ended_at IS NULL AND expires_at < :now)
""")


async def holds_watch(tx: ReadSession, now: datetime) -> tuple[int, int]:
    """The units held now, and how many holds are past their time and still hold.

    Held units are read from the pools, which say the same as the live holds by law and are bounded by what is sold,
    not by how much of it: this is asked every few seconds.
    """
    live, overdue = (await tx.execute(_WATCH, {"now": now})).one()
    return int(live), int(overdue)
