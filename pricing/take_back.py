"""Take back: what a price change laid counts no more, from an instant on or at all, and what lay beneath comes up."""

from datetime import datetime
from functools import partial

from commerce.kernel.db import ReadSession, Session
from pricing.diaries import Diary, touched_by, undone_in, worked_out
from pricing.errors import PriceInThePast
from pricing.locking import lock_market
from pricing.rules.layers import TakenBack, Undone, without
from pricing.rules.series import Priced
from pricing.series import CHANNEL, RECOMMENDED, Key, Series
from pricing.write_prices import believe


async def take_back(tx: Session, market: str, change_id: str, now: datetime) -> None:
    """Let the prices of a market be what they would be if this price change had never been.

    Its rows are superseded, not deleted. What others laid over it, or beside it, stays; what lay beneath it comes up,
    as far as that counts itself. Of a counter-change: what it took back is back. Takes the market's lock. Raises
    PriceInThePast if anything of it has begun and is not over: only another price change may end that.
    """
    await lock_market(tx, market)
    undone = await undone_in(tx, market)
    await _take(tx, change_id, (undone, undone.and_withdrawn(change_id)), now, now)


async def take_back_since(tx: Session, market: str, change_id: str, by: str, since: datetime, now: datetime) -> None:
    """Let a price change count no more from an instant on, as its counter-change says. Otherwise as `take_back`."""
    await lock_market(tx, market)
    undone = await undone_in(tx, market)
    await _take(tx, by, (undone, undone.and_countered(change_id, by, since)), since, now)


async def series_without(
    tx: ReadSession, series: Series, change_id: str, undone: tuple[Undone, Undone], since: datetime
) -> list[tuple[Key, list[Priced], TakenBack]]:
    """The series that are others from an instant on once a change is undone: as they are, and as they will be.

    `undone`: what is, and what would be.
    """
    keys = await touched_by(tx, series, _line_of(change_id, undone[1]))
    found = await worked_out(tx, series, keys, since, partial(_left, undone, since))
    return [(key, now, left) for key, (now, left) in found.items() if left is not None]


def _left(
    undone: tuple[Undone, Undone], since: datetime, _: Key, diary: Diary
) -> tuple[list[Priced], TakenBack | None]:
    return [row.priced for row in diary if row.superseded_at is None], without(diary, *undone, since)


def _line_of(change_id: str, undone: Undone) -> list[str]:
    """A change, and if it is a counter-change the one that it takes back, down to the one that laid prices."""
    takes_back = {counter.id: change for change, counter in undone.countered.items()}
    line = [change_id]
    while line[-1] in takes_back:
        line.append(takes_back[line[-1]])
    return line


async def _take(tx: Session, by: str, undone: tuple[Undone, Undone], since: datetime, now: datetime) -> None:
    for series in (RECOMMENDED, CHANNEL):
        found = await series_without(tx, series, by, undone, since)
        for _, _, left in found:
            if left.since <= now:
                raise PriceInThePast("starts_at", left.since, now)
        if found:
            before = {key: prices for key, prices, _ in found}
            await believe(tx, series, before, {key: left.prices for key, _, left in found}, by, now)
