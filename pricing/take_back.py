"""Take back what a price change wrote and what has not begun: what lay beneath comes up again."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session
from pricing.errors import PriceInThePast
from pricing.locking import lock_market
from pricing.rules.series import Priced
from pricing.rules.taking_back import Remembered, without
from pricing.series import CHANNEL, RECOMMENDED, Key, Series
from pricing.write_prices import believe

# The names in this statement are this module's own. A market's series are those of its channels, and its own.
_TOUCHED = {
    series: text(f"""
        SELECT p.sku, p.{series.scope}, p.valid_from, p.valid_to, p.amount, p.change_id, {series.exception}, p.id,
               p.recorded_at, p.superseded_at, p.superseded_by
          FROM {series.table} p
         WHERE (p.sku, p.{series.scope}) IN (
                   SELECT c.sku, c.{series.scope} FROM {series.table} c WHERE c.change_id = :change
                    UNION
                   SELECT c.sku, c.{series.scope} FROM {series.table} c WHERE c.superseded_by = :change)
         ORDER BY p.sku, p.{series.scope}, p.id
    """)  # noqa: S608 - see above
    for series in (RECOMMENDED, CHANNEL)
}


async def take_back(tx: Session, market: str, change_id: str, now: datetime, gone: Collection[str] = ()) -> None:
    """Let the prices of a market be what they would be if this price change had never been written.

    Its rows are superseded, not deleted. What others wrote over it, or beside it, stays; what lay beneath it comes up,
    but not where that is of one of the changes that are `gone`. Takes the market's lock; a
    handful of statements, however many prices. Raises PriceInThePast if anything of it has begun: that is history, and
    only another price change may end it.
    """
    await lock_market(tx, market)
    for series in (RECOMMENDED, CHANNEL):
        remembered = await touched(tx, series, change_id)
        before: dict[Key, list[Priced]] = {}
        after: dict[Key, list[Priced]] = {}
        for key, rows in remembered.items():
            left = without(rows, change_id, gone)
            if left is not None:
                if left.since <= now:
                    raise PriceInThePast("starts_at", left.since, now)
                before[key] = [row.priced for row in rows if row.superseded_at is None]
                after[key] = left.prices
        if before:
            await believe(tx, series, before, after, change_id, now)


async def touched(tx: ReadSession, series: Series, change_id: str) -> dict[Key, list[Remembered]]:
    """All that was ever believed of the series which the change wrote to."""
    found: dict[Key, list[Remembered]] = {}
    for row in await tx.execute(_TOUCHED[series], {"change": change_id}):
        found.setdefault((row[0], row[1]), []).append(Remembered(Priced._make(row[2:8]), *row[8:]))
    return found
