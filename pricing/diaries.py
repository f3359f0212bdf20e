"""Diaries: all that was ever believed of a series of prices, and which price changes do not count any more."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from pricing.rules.layers import Counter, Remembered, Undone
from pricing.rules.series import Priced
from pricing.series import CHANNEL, RECOMMENDED, Key, Series

# The names in these statements are this package's own.
_ROWS = {
    series: f"""
        SELECT p.sku, p.{series.scope}, p.valid_from, p.valid_to, p.amount, p.change_id, {series.exception}, p.id,
               p.recorded_at, p.superseded_at, p.recorded_by, p.superseded_by
          FROM {series.table} p
    """  # noqa: S608 - see above
    for series in (RECOMMENDED, CHANNEL)
}
_OF_KEYS = {
    series: text(f"""{_ROWS[series]}
         WHERE p.sku = ANY (CAST(:skus AS text[])) AND p.{series.scope} = ANY (CAST(:scopes AS text[]))
         ORDER BY p.id
    """)
    for series in (RECOMMENDED, CHANNEL)
}
_TOUCHED = {
    series: text(f"""{_ROWS[series]}
         WHERE (p.sku, p.{series.scope}) IN (
                   SELECT c.sku, c.{series.scope} FROM {series.table} c WHERE c.change_id = ANY (CAST(:of AS text[]))
                    UNION
                   SELECT c.sku, c.{series.scope} FROM {series.table} c
                    WHERE c.superseded_by = ANY (CAST(:of AS text[])))
         ORDER BY p.sku, p.{series.scope}, p.id
    """)  # noqa: S608 - as above
    for series in (RECOMMENDED, CHANNEL)
}
_UNDONE = text("""
    SELECT id, state, counter_of, starts_at FROM price_changes
     WHERE market = :market
       AND (state = 'withdrawn' OR counter_of IS NOT NULL AND state IN ('scheduled', 'live', 'ended', 'rolled_back'))
""")

Diary = list[Remembered]


async def diaries_of(tx: ReadSession, series: Series, keys: Collection[Key]) -> dict[Key, Diary]:
    """All that was ever believed of these series, oldest first, in one statement. Every key is there."""
    facts = {"skus": sorted({sku for sku, _ in keys}), "scopes": sorted({scope for _, scope in keys})}
    found: dict[Key, Diary] = {key: [] for key in keys}
    for row in await tx.execute(_OF_KEYS[series], facts):
        if (row[0], row[1]) in found:
            found[row[0], row[1]].append(_remembered(row))
    return found


async def touched_by(tx: ReadSession, series: Series, changes: Collection[str]) -> dict[Key, Diary]:
    """All that was ever believed of the series that one of these changes wrote to."""
    found: dict[Key, Diary] = {}
    for row in await tx.execute(_TOUCHED[series], {"of": sorted(changes)}):
        found.setdefault((row[0], row[1]), []).append(_remembered(row))
    return found


async def undone_in(tx: ReadSession, market: str) -> Undone:
    """Which changes of a market's prices do not count any more: withdrawn, or taken back by a counter-change."""
    withdrawn, countered, counters = set[str](), dict[str, Counter](), set[str]()
    for change, state, counter_of, starts_at in await tx.execute(_UNDONE, {"market": market}):
        if state == "withdrawn":
            withdrawn.add(change)
        elif starts_at is not None:
            countered[counter_of] = Counter(change, starts_at)
            counters.add(change)
    return Undone(frozenset(withdrawn), countered, frozenset(counters))


def _remembered(row: Sequence[Any]) -> Remembered:
    return Remembered(Priced._make(row[2:8]), *row[8:])
