"""Diaries: what was ever believed of a series of prices, and which price changes do not count any more."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from pricing.rules.layers import Counter, Remembered, Undone
from pricing.rules.series import Priced
from pricing.series import CHANNEL, RECOMMENDED, Key, Series, some_at_a_time

# The names in these statements are this package's own.
_ROWS = {
    series: text(f"""
        SELECT p.sku, p.{series.scope}, p.valid_from, p.valid_to, p.amount, p.change_id, {series.exception}, p.id,
               p.recorded_at, p.superseded_at, p.recorded_by, p.superseded_by
          FROM {series.table} p
         WHERE p.sku = ANY (CAST(:skus AS text[])) AND p.{series.scope} = ANY (CAST(:scopes AS text[]))
           AND (p.valid_to IS NULL OR p.valid_to >= :since)
         ORDER BY p.id
    """)  # noqa: S608 - see above
    for series in (RECOMMENDED, CHANNEL)
}
_TOUCHED = {
    series: text(f"""
        SELECT c.sku, c.{series.scope} FROM {series.table} c WHERE c.change_id = ANY (CAST(:of AS text[]))
         UNION
        SELECT c.sku, c.{series.scope} FROM {series.table} c WHERE c.superseded_by = ANY (CAST(:of AS text[]))
    """)  # noqa: S608 - as above
    for series in (RECOMMENDED, CHANNEL)
}
_UNDONE = text("""
    SELECT id, state, counter_of, starts_at FROM price_changes
     WHERE market = :market
       AND (state = 'withdrawn' OR counter_of IS NOT NULL AND state IN ('scheduled', 'live', 'ended', 'rolled_back'))
""")

Diary = list[Remembered]
T = TypeVar("T")


async def worked_out(
    tx: ReadSession, series: Series, keys: Collection[Key], since: datetime, work: Callable[[Key, Diary], T]
) -> dict[Key, T]:
    """What comes of the diary of each of these series, by sku and scope: what can still matter from an instant on.

    That is every row that did not end before, whether it is believed or was, oldest first; of a series that has none,
    an empty diary. Both is done a few series at a time, and the working out in a thread: others are answered meanwhile,
    and the database is never kept waiting for long.
    """
    found: dict[Key, T] = {}
    for some in some_at_a_time(keys):
        facts = {"skus": sorted({sku for sku, _ in some}), "scopes": sorted({scope for _, scope in some})}
        rows = (await tx.execute(_ROWS[series], {**facts, "since": since})).all()
        found |= await asyncio.to_thread(_each, some, rows, work)
    return found


def _each(keys: Collection[Key], rows: Sequence[Sequence[Any]], work: Callable[[Key, Diary], T]) -> Mapping[Key, T]:
    diaries: dict[Key, Diary] = {key: [] for key in keys}
    for row in rows:
        if (row[0], row[1]) in diaries:
            diaries[row[0], row[1]].append(_remembered(row))
    return {key: work(key, diary) for key, diary in diaries.items()}


async def touched_by(tx: ReadSession, series: Series, changes: Collection[str]) -> set[Key]:
    """The series that one of these changes wrote to."""
    return {(sku, scope) for sku, scope in await tx.execute(_TOUCHED[series], {"of": sorted(changes)})}


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
