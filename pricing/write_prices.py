"""Write prices: lay many over what is believed, at once, without changing a word of what was believed before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from catalog.rules import check_instant
from commerce.kernel.db import Session
from commerce.kernel.refusals import InvalidInput, Refusal, UnknownReference
from pricing.diaries import Diary, undone_in, worked_out
from pricing.errors import PriceInThePast, PriceOverlaps
from pricing.locking import EXCLUDED, lock_market
from pricing.rules.layers import TICK, Plan, Undone, in_the_way, layers_of
from pricing.rules.series import Laid, Priced, lay
from pricing.series import CHANNEL, RECOMMENDED, Key, Series, channels_of


@dataclass(frozen=True, slots=True)
class PriceWrite:
    """A price to lay over a series: the recommended one, or a channel's own one.

    It is in force from `begins` up to, not including, `ends`, or for good. An amount of None is a gap: no recommended
    price is "not sold", no channel price is "as recommended".
    """

    sku: str
    channel: str | None
    begins: datetime
    ends: datetime | None
    amount: int | None
    exception_id: str | None = None


async def write_prices(
    tx: Session, market: str, writes: Sequence[PriceWrite], change_id: str | None, now: datetime
) -> None:
    """Lay these prices over what is believed of a market's prices, all or none, in the order in which they come.

    Inside its interval a new price holds; outside nothing changes: the price it interrupts ends where it begins, and
    goes on after it if it lasted longer. Where a price begins or ends inside the interval, that is somebody's plan, and
    is refused rather than overwritten; what follows where a price was to end anyway overwrites nothing. Rows that say
    something else now are superseded and said anew; a belief never begins at the instant at which another one of its
    series began, even if the clock stands still or is set back.

    Takes the market's lock. `items[n]` in a refusal is the place in
    `writes`. Raises PriceInThePast, PriceOverlaps, UnknownReference for a channel of another market, InvalidInput. A
    sku that does not exist is the caller's to refuse.
    """
    _check_intervals(writes, now)
    await lock_market(tx, market)
    if any(write.channel is not None for write in writes):
        await _must_be_channels_of(tx, market, writes)
    undone = await undone_in(tx, market)
    for series in (RECOMMENDED, CHANNEL):
        numbered = _numbered(writes, market, of_channels=series is CHANNEL)
        if not numbered:
            continue
        before, after = await _planned(tx, series, market, numbered, undone, change_id)
        try:
            await believe(tx, series, before, after, change_id, now)
        except IntegrityError as error:
            taken = _taken(error, market, numbered)
            if taken is None:
                raise
            raise taken from error


_Numbered = list[tuple[int, Key, PriceWrite]]


def _numbered(writes: Sequence[PriceWrite], market: str, *, of_channels: bool) -> _Numbered:
    return [
        (place, (write.sku, write.channel or market), write)
        for place, write in enumerate(writes)
        if (write.channel is not None) == of_channels
    ]


def _check_intervals(writes: Sequence[PriceWrite], now: datetime) -> None:
    for begins, ends in {(write.begins, write.ends) for write in writes}:
        check_instant("starts_at", begins)
        check_instant("ends_at", ends)
        if begins < now:
            raise PriceInThePast("starts_at", begins, now)
        if ends is not None and ends <= begins:
            raise InvalidInput("ends_at", "It must be after starts_at.")


async def _must_be_channels_of(tx: Session, market: str, writes: Sequence[PriceWrite]) -> None:
    known = set(await channels_of(tx, market))
    for place, write in enumerate(writes):
        if write.channel is not None and write.channel not in known:
            raise UnknownReference(f"items[{place}].channel", write.channel)


class _Series(NamedTuple):
    """What is believed of a series, what is to be, and what is in the way of which write."""

    before: list[Priced]
    after: list[Priced]
    met: tuple[int, PriceWrite, Plan] | None


_Believed = dict[Key, list[Priced]]


async def _planned(
    tx: Session, series: Series, market: str, writes: _Numbered, undone: Undone, change_id: str | None
) -> tuple[_Believed, _Believed]:
    """What is believed of each series from the first beginning on, and what is to be. Raises PriceOverlaps."""
    wanted: dict[Key, list[tuple[int, PriceWrite]]] = {}
    for place, key, write in writes:
        wanted.setdefault(key, []).append((place, write))

    def work(key: Key, diary: Diary) -> _Series:
        return _laid_over(diary, wanted[key], undone, change_id)

    since = min(write.begins for _, _, write in writes)
    found = await worked_out(tx, series, wanted, since, work)
    met = min((one.met for one in found.values() if one.met is not None), key=lambda each: each[0], default=None)
    if met is not None:
        place, write, plan = met
        raise PriceOverlaps.of(f"items[{place}].sku", write.sku, market, write.channel, plan)
    return {key: one.before for key, one in found.items()}, {key: one.after for key, one in found.items()}


def _laid_over(
    diary: Diary, writes: Sequence[tuple[int, PriceWrite]], undone: Undone, change_id: str | None
) -> _Series:
    """What becomes of a series, as far as nothing is in the way."""
    before = [row.priced for row in diary if row.superseded_at is None]
    after, layers = before, layers_of(diary, undone)
    for place, write in writes:
        plan = in_the_way(layers, undone, write.begins, write.ends)
        if plan is not None:
            return _Series(before, after, (place, write, plan))
        laid = Laid(write.begins, write.ends, write.amount, change_id, write.exception_id)
        layers.append(laid)
        after = lay(after, laid)
    return _Series(before, after, None)


def _taken(error: IntegrityError, market: str, writes: _Numbered) -> Refusal | None:
    """What the database's word means if it is that another price is there; somebody wrote past the lock."""
    if getattr(error.orig, "sqlstate", None) not in EXCLUDED:
        return None
    place, _, write = writes[0]
    return PriceOverlaps(f"items[{place}].sku", write.sku, market, None, write.channel)


# The names in these statements are this package's own.
_LAST = {
    series: text(f"""
        SELECT greatest(max(p.recorded_at), max(p.superseded_at)) FROM {series.table} p
         WHERE p.sku = ANY (CAST(:skus AS text[])) AND p.{series.scope} = ANY (CAST(:scopes AS text[]))
    """)  # noqa: S608 - see above
    for series in (RECOMMENDED, CHANNEL)
}
_SUPERSEDE = {
    series: text(f"""
        UPDATE {series.table} SET superseded_at = :at, superseded_by = :change
         WHERE id = ANY (CAST(:ids AS bigint[]))
    """)  # noqa: S608 - as above
    for series in (RECOMMENDED, CHANNEL)
}
_STORE = {
    RECOMMENDED: text("""
        INSERT INTO recommended_prices (sku, market, valid_from, valid_to, amount, recorded_at, recorded_by, change_id)
        SELECT n.sku, n.scope, n.valid_from, n.valid_to, n.amount, :at, :by, n.change_id
          FROM unnest(CAST(:skus AS text[]), CAST(:scopes AS text[]), CAST(:begins AS timestamptz[]),
                      CAST(:ends AS timestamptz[]), CAST(:amounts AS bigint[]), CAST(:changes AS text[]))
            AS n (sku, scope, valid_from, valid_to, amount, change_id)
    """),
    CHANNEL: text("""
        INSERT INTO channel_prices
               (sku, channel, valid_from, valid_to, amount, recorded_at, recorded_by, change_id, exception_id)
        SELECT n.sku, n.scope, n.valid_from, n.valid_to, n.amount, :at, :by, n.change_id, n.exception_id
          FROM unnest(CAST(:skus AS text[]), CAST(:scopes AS text[]), CAST(:begins AS timestamptz[]),
                      CAST(:ends AS timestamptz[]), CAST(:amounts AS bigint[]), CAST(:changes AS text[]),
                      CAST(:exceptions AS text[]))
            AS n (sku, scope, valid_from, valid_to, amount, change_id, exception_id)
    """),
}


async def believe(
    tx: Session,
    series: Series,
    before: dict[Key, list[Priced]],
    after: dict[Key, list[Priced]],
    change_id: str | None,
    now: datetime,
) -> None:
    """Supersede what is not believed any more, and store what was not believed before. Three statements."""
    kept = {one.id for prices in after.values() for one in prices}
    over = [one.id for prices in before.values() for one in prices if one.id not in kept]
    fresh = [(*key, one) for key, prices in after.items() for one in prices if one.id is None]
    keys = {"skus": sorted({sku for sku, _ in before}), "scopes": sorted({scope for _, scope in before})}
    last: datetime | None = (await tx.execute(_LAST[series], keys)).scalar_one()
    at = now if last is None else max(now, last + TICK)
    if over:
        await tx.execute(_SUPERSEDE[series], {"ids": over, "at": at, "change": change_id})
    if fresh:
        facts = {
            "at": at,
            "by": change_id,
            "skus": [sku for sku, _, _ in fresh],
            "scopes": [scope for _, scope, _ in fresh],
            "begins": [one.valid_from for _, _, one in fresh],
            "ends": [one.valid_to for _, _, one in fresh],
            "amounts": [one.amount for _, _, one in fresh],
            "changes": [one.change_id for _, _, one in fresh],
        }
        exceptions = {"exceptions": [one.exception_id for _, _, one in fresh]} if series is CHANNEL else {}
        await tx.execute(_STORE[series], {**facts, **exceptions})
