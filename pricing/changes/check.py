"""Check: what a change would do as things are now, and every reason why it may not."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from catalog.rules import VariantStatus
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import InvalidInput, Refusal
from pricing.changes.errors import (
    ChangeOutdated,
    DeviationTold,
    NothingToRollBack,
    OthersOutdated,
    ParityBroken,
    RollBackOutdated,
    SkuRetired,
)
from pricing.changes.known import statuses_of
from pricing.changes.move import Change
from pricing.changes.overlay import Planned, overlaid
from pricing.changes.parity import exceptions_of, newly_broken
from pricing.changes.put_back import put_back
from pricing.changes.relied_on import WouldBe, relying_on
from pricing.changes.rules import NOT_YET_LAID
from pricing.diaries import Diary, undone_in, worked_out
from pricing.errors import PriceOverlaps
from pricing.policies import parity_of, policy_of
from pricing.rules.layers import Plan, Undone, in_the_way, layers_of
from pricing.rules.parity import Deviation, Excepted, ParityPolicy
from pricing.rules.series import priced_at
from pricing.series import CHANNEL, RECOMMENDED, Histories, Key, Series, histories

DEVIATIONS_TOLD = 20

_ITEMS = text("""
    SELECT place, sku, channel, amount, starts_at, ends_at, old_amount, exception_reason, exception_expires_at,
           exception_id
      FROM price_change_items WHERE change_id = :id ORDER BY place
""")
_SKUS = text("SELECT DISTINCT sku FROM price_change_items WHERE change_id = :id ORDER BY sku")


class Item(NamedTuple):
    """A price of a change as it is stored."""

    place: int
    sku: str
    channel: str | None
    amount: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    old_amount: int | None
    exception_reason: str | None
    exception_expires_at: datetime | None
    exception_id: str | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a change would do if it began at an instant."""

    begins: datetime
    items: Sequence[Item]
    plan: Sequence[Planned]
    before: dict[str, Histories]
    """From so far back on that prior prices can be told, today's as well as those at its beginning."""
    after: dict[str, Histories]
    policy: ParityPolicy
    exceptions: dict[str, Excepted]
    """By id; those of this change that are still to be recorded by `to_come`."""
    statuses: dict[str, VariantStatus]
    others: Sequence[str]
    """The scheduled changes that would no longer replace what was seen beside theirs, by id."""
    refusals: Sequence[Refusal]


async def check_change(tx: ReadSession, change: Change, begins: datetime, now: datetime) -> Checked:
    """Go on only if the change could begin at that instant, which is still to come, as things are now.

    Raises InvalidInput, SkuRetired, RollBackOutdated, NothingToRollBack, PriceOverlaps, ChangeOutdated, ParityBroken,
    OthersOutdated.
    """
    checked = await look_at(tx, change, begins, now)
    for refusal in checked.refusals:
        raise refusal
    return checked


async def look_at(tx: ReadSession, change: Change, begins: datetime, now: datetime) -> Checked:
    """What the change would do if it began at that instant, and why it may not."""
    items = [Item._make(row) for row in await tx.execute(_ITEMS, {"id": change.id})]
    plan = [one for one in (_planned(change, item, begins) for item in items) if one is not None]
    policy = await parity_of(tx, change.market)
    skus = sorted({item.sku for item in items})
    before = await histories(tx, change.market, skus, min(begins, now) - await _reach(tx, change.market))
    statuses = await statuses_of(tx, skus)
    exceptions = {**await exceptions_of(tx, skus), **_to_come(change, items)}
    # Thousands of prices take a moment, in which others want answers.
    after = await asyncio.to_thread(overlaid, before, plan, change.id)
    broken = await asyncio.to_thread(newly_broken, before, after, policy, exceptions, begins)
    others = await _relying(tx, change, plan, begins, now)
    overlaps = await _overlaps(tx, change, plan)
    refusals = [
        *_timing(change, items, begins),
        *_retired(change, plan, statuses),
        *(await _outdated(tx, change, plan, begins)),
        *overlaps,
        *_seen_otherwise(change, items, plan, before),
        *_parity(change, plan, broken, policy, after),
        *_others(change, others, overlaps),
    ]
    return Checked(begins, items, plan, before, after, policy, exceptions, statuses, others, refusals)


async def skus_of(tx: ReadSession, change_id: str) -> list[str]:
    """The skus whose prices a change is about."""
    return list((await tx.execute(_SKUS, {"id": change_id})).scalars())


async def _reach(tx: ReadSession, market: str) -> timedelta:
    """How far back a prior price may look, and a day more."""
    policy = await policy_of(tx, market)
    return timedelta(days=policy.prior_window_days + policy.prior_announced_days + 1)


def to_come(place: int) -> str:
    """What stands for an exception of an item, until it is recorded."""
    return f"items[{place}].exception"


def _to_come(change: Change, items: Sequence[Item]) -> dict[str, Excepted]:
    return {
        to_come(item.place): Excepted(
            to_come(item.place), item.exception_reason, change.approved_by or "", item.exception_expires_at
        )
        for item in items
        if item.exception_reason is not None and item.exception_expires_at is not None
    }


def _planned(change: Change, item: Item, begins: datetime) -> Planned | None:
    """When a price really begins and ends; None for one that would be over by then."""
    first = max(begins, item.starts_at or begins)
    last = item.ends_at or change.ends_at
    if item.exception_expires_at is not None:
        last = min(last or item.exception_expires_at, item.exception_expires_at)
    if last is not None and last <= first:
        return None
    exception = item.exception_id or (to_come(item.place) if item.exception_reason else None)
    return Planned(item.place, item.sku, item.channel, item.amount, first, last, exception)


def _timing(change: Change, items: Sequence[Item], begins: datetime) -> Iterator[Refusal]:
    if change.ends_at is not None and change.ends_at <= begins:
        yield InvalidInput("ends_at", "It would end before it begins.")
    for item in items:
        expires_at = item.exception_expires_at
        if expires_at is not None and expires_at <= begins:
            field = f"items[{item.place}].exception.expires_at"
            yield InvalidInput(field, "It must be after the change begins.")


def _retired(change: Change, plan: Sequence[Planned], statuses: dict[str, VariantStatus]) -> Iterator[Refusal]:
    """What is retired gets no new price; but a mistake is put right for every sku that it was made with."""
    if change.counter_of is not None:
        return
    for one in plan:
        if one.amount is not None and statuses[one.sku] is VariantStatus.RETIRED:
            yield SkuRetired(f"items[{one.place}].sku", one.sku)


async def _overlaps(tx: ReadSession, change: Change, plan: Sequence[Planned]) -> list[Refusal]:
    """Where somebody plans something else while a price would hold. A counter-change leaves others' plans alone."""
    if change.counter_of is not None:
        return []
    undone = await undone_in(tx, change.market)
    met: list[tuple[Planned, Plan]] = []
    for series in (RECOMMENDED, CHANNEL):
        of_series = [one for one in plan if (one.channel is None) == (series is RECOMMENDED)]
        met += await _met(tx, series, {(one.sku, one.channel or change.market): one for one in of_series}, undone)
    return [
        PriceOverlaps.of(f"items[{one.place}].sku", one.sku, change.market, one.channel, taken)
        for one, taken in sorted(met, key=lambda each: each[0].place)
    ]


async def _met(
    tx: ReadSession, series: Series, planned: dict[Key, Planned], undone: Undone
) -> list[tuple[Planned, Plan]]:
    """The prices that would overwrite a plan, and that plan."""
    if not planned:
        return []

    def work(key: Key, diary: Diary) -> Plan | None:
        return in_the_way(layers_of(diary, undone), undone, planned[key].begins, planned[key].ends)

    found = await worked_out(tx, series, planned, min(one.begins for one in planned.values()), work)
    return [(planned[key], taken) for key, taken in found.items() if taken is not None]


def _seen_otherwise(
    change: Change, items: Sequence[Item], plan: Sequence[Planned], before: dict[str, Histories]
) -> Iterator[Refusal]:
    """Where the price that is replaced is not the one that was shown beside the new one when that was drafted."""
    if change.counter_of is not None:
        return
    seen = {item.place: item.old_amount for item in items}
    for one in plan:
        now = before[one.sku].charged(one.channel, one.begins)
        if now != seen[one.place]:
            field = f"items[{one.place}].price"
            yield ChangeOutdated(field, one.sku, one.channel, seen[one.place], now)


async def _outdated(tx: ReadSession, change: Change, plan: Sequence[Planned], begins: datetime) -> list[Refusal]:
    """Where a counter-change would put back something else than it was drafted to."""
    if change.counter_of is None:
        return []
    wanted = {one[1:] for one in await put_back(tx, change.market, change.counter_of, begins)}
    if not wanted and not plan:
        return [NothingToRollBack(change.counter_of)]
    stale = [one for one in plan if one[1:] not in wanted]
    missing = wanted - {one[1:] for one in plan}
    if stale:
        return [RollBackOutdated(f"items[{one.place}]", change.counter_of, one.sku) for one in stale]
    return [RollBackOutdated("counter_of", change.counter_of, one[0]) for one in sorted(missing, key=str)]


async def _relying(
    tx: ReadSession, change: Change, plan: Sequence[Planned], begins: datetime, now: datetime
) -> list[str]:
    """Which scheduled changes this one would take by surprise. One that is scheduled itself has been looked at."""
    if change.state not in NOT_YET_LAID:
        return []
    undone = await undone_in(tx, change.market)
    would_be = WouldBe(undone, plan)
    if change.counter_of is not None:
        would_be = WouldBe(undone.and_countered(change.counter_of, change.id, begins))
    return await relying_on(tx, change.market, change.id, {one.sku for one in plan}, would_be, now)


def _others(change: Change, others: Sequence[str], overlaps: Sequence[Refusal]) -> Iterator[Refusal]:
    """What two people have seen is not made untrue; but to put a mistake right waits for nobody.

    What overlaps somebody's plan has been refused for that.
    """
    if others and change.counter_of is None and not overlaps:
        yield OthersOutdated(list(others))


def deviation_told(change: Change, item: int | None, sku: str, one: Deviation, after: Histories) -> DeviationTold:
    """A deviation, with the other change that the channel's own price comes from."""
    own = priced_at(after.channels.get(one.channel, ()), one.valid_from)
    by = own.change_id if own is not None and own.change_id != change.id else None
    return DeviationTold(item, sku, one.channel, one.valid_from, one.valid_to, one.recommended, one.own, by)


def _parity(
    change: Change,
    plan: Sequence[Planned],
    broken: Sequence[tuple[str, Deviation]],
    policy: ParityPolicy,
    after: Mapping[str, Histories],
) -> Iterator[Refusal]:
    if not broken:
        return
    places: dict[tuple[str, str | None], int] = {}
    for one in plan:
        places.setdefault((one.sku, one.channel), one.place)
    told = [
        deviation_told(change, places.get((sku, one.channel), places.get((sku, None))), sku, one, after[sku])
        for sku, one in broken[:DEVIATIONS_TOLD]
    ]
    field = "items" if told[0].item is None else f"items[{told[0].item}].price"
    yield ParityBroken(field, policy.parity, told, len(broken) - len(told))
