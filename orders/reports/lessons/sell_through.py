"""Sell-through: what was sold of each configuration in each channel, what share of demand it is, and what is left."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import text

from commerce.kernel.db import Database, ReadSession
from commerce.kernel.refusals import InvalidInput
from inventory.on_hand import Units
from orders.reports.lessons.answer import Meaning, Order, as_of_said, lesson_of, words_of
from orders.reports.lessons.lines import net_units, sold_lines
from orders.reports.lessons.schemas import Lesson, SellThroughRow
from orders.reports.lessons.shelves import OnHand, Serving, places_meant, stock_of
from orders.reports.lessons.subject import (
    Breakdown,
    Key,
    Per,
    Subject,
    breakdown_of,
    key_of,
    must_be_options,
    names_of,
    subject_of,
)
from orders.reports.lessons.words import SELL_THROUGH, SELL_THROUGH_RULES
from orders.reports.persons import Merges
from orders.reports.places import Place, places
from orders.reports.rates import make_room
from orders.reports.rules import Kind, Period, rate
from orders.reports.scope import ScopeAsked, Seen, conditions_of, see, values_of

USUAL_DAYS = 28
_A_DAY = timedelta(days=1)
_NOBODY = Merges([], [])


class Asked(NamedTuple):
    """What was asked beside the scope."""

    of: Sequence[str]
    by: Sequence[str]
    per: Per


class _Days(NamedTuple):
    """A period of days, and how many of them had begun at the as-of."""

    first: date
    last: date
    begun: int


class _Sold(NamedTuple):
    """Net units of a variant that were sold in a channel, out of what serves channels of a kind in its market."""

    sku_no: int
    channel: str
    out_of: Serving
    units: int


class _Counted(NamedTuple):
    """What was sold, by all that it is asked for by."""

    units: Counter[tuple[Key, Key]]
    demand: Counter[tuple[str | None, Key]]
    drawn: Counter[tuple[Key, Serving]]


async def sell_through(db: Database, within: ScopeAsked, asked: Asked) -> Lesson[SellThroughRow]:
    """Every row, those that sold most first. Raises InvalidInput and UnknownReference, naming the field."""
    by = breakdown_of(asked.by)
    async with db.snapshot() as tx:
        seen = await see(tx, within, db.clock.now())
        meant = await places_meant(tx, seen)
        days = _days(seen, meant)
        scope = msgspec.structs.replace(seen.scope, period=Period(days.first, days.last))
        subject = await subject_of(tx, asked.of, scope.as_of)
        await must_be_options(tx, by)
        await make_room(tx)
        sold = await _sold(tx, seen._replace(scope=scope), _beside(subject, by))
        at_its_end = await places(tx, days.last, None, scope.as_of.believed_at)
        ends = {place.market: place.known_before for place in at_its_end}
        stock = await stock_of(tx, seen, meant, ends)
    # However many rows: meanwhile others are served.
    rows = await asyncio.to_thread(_rows, subject, by, asked.per, meant, sold, stock, days.begun)
    over = any(ends[place.market] < place.known_before for place in meant)
    meaning = Meaning(
        SELL_THROUGH, SELL_THROUGH_RULES, {"of": subject.named}, {"days": days.begun},
        [*by.names, *names_of(asked.per)], days.last if over else as_of_said(seen),
    )  # fmt: skip
    return lesson_of(seen, meaning, rows, scope.period)


def place_of(row: SellThroughRow) -> Order:
    """Where a row stands: what sold most comes first."""
    return -row.units, -row.demand, words_of(row.group)


def _days(seen: Seen, meant: Sequence[Place]) -> _Days:
    """The days that were asked for, the last four weeks if none were. Raises InvalidInput for instants."""
    first, last = seen.scope.period
    as_of = seen.scope.as_of
    today = as_of.day or max((place.as_of_day for place in meant), default=as_of.instant.date())
    for field, bound in (("from", first), ("to", last)):
        if isinstance(bound, datetime):
            raise InvalidInput(field, "This report is about whole days.")
    last = last or max(today, first or today)
    first = first or last - (USUAL_DAYS - 1) * _A_DAY
    return _Days(first, last, max(0, (min(last, today) - first).days + 1))


def _beside(subject: Subject, by: Breakdown) -> list[int] | None:
    """The variants whose sales are needed: those that are meant, and all whose demand theirs is a share of."""
    if subject.named is None:
        return None
    wholes = {by.whole(one) for one in subject.chosen} - {None}
    meant = set(subject.sku_nos)
    return [one.sku_no for one in subject.everything if one.sku_no in meant or one.product in wholes]


async def _sold(tx: ReadSession, seen: Seen, sku_nos: list[int] | None) -> list[_Sold]:
    """What was sold in every channel of the market that is meant: channels share what serves them.

    What was sold in a store, or is collected there, came from there; of a store, all that came from it.
    """
    units = net_units("x")
    lines = sold_lines(bounded=True, narrowed=sku_nos is not None, merges=False)
    wide = msgspec.structs.replace(seen.scope, channel=None, channel_kind=Kind.ALL, store=None)
    conditions = [*conditions_of(wide), *(["x.handed_over_in = :store"] if seen.scope.store else [])]
    statement = f"""
        SELECT x.sku_no, x.channel, x.handed_over_in IS NOT NULL, sum({units})
          FROM ({lines}) AS x WHERE {" AND ".join(conditions)}
         GROUP BY 1, 2, 3 HAVING sum({units}) > 0
    """  # noqa: S608 - made of constants; what a caller gave is bound
    facts = {**values_of(seen.scope, seen.places, _NOBODY), "sku_nos": sku_nos}
    at = {place.channel: place for place in seen.places}
    return [
        _Sold(sku_no, channel, (at[channel].market, "retail" if in_store else at[channel].kind), number)
        for sku_no, channel, in_store, number in await tx.execute(text(statement), facts)
    ]


def _counted(subject: Subject, by: Breakdown, per: Per, meant: Sequence[Place], sold: Sequence[_Sold]) -> _Counted:
    described = {one.sku_no: one for one in subject.everything}
    chosen = set(subject.sku_nos)
    where = {place.channel: key_of(per, place) for place in meant}
    counted = _Counted(Counter(), Counter(), Counter())
    for sku_no, channel, out_of, number in sold:
        one = described[sku_no]
        whole = by.whole(one)
        if sku_no in chosen:
            counted.drawn[by.key(one), out_of] += number
        if channel not in where:
            continue
        if sku_no in chosen:
            counted.units[by.key(one), where[channel]] += number
        if whole is not None or sku_no in chosen:
            counted.demand[whole, where[channel]] += number
    return counted


def _rows(
    subject: Subject,
    by: Breakdown,
    per: Per,
    meant: Sequence[Place],
    sold: Sequence[_Sold],
    stock: OnHand,
    days: int,
) -> list[SellThroughRow]:
    units, demand, drawn = _counted(subject, by, per, meant, sold)
    rows = []
    for key, (whole, skus) in _alike(subject, by).items():
        for there, serving in _serving(per, meant).items():
            group = dict(zip([*by.names, *names_of(per)], [*key, *there], strict=True))
            left, out = stock.of(skus, serving), sum(drawn[key, one] for one in serving)
            if units[key, there] or out or (left is not None and left.on_hand):
                rows.append(_row(group, (units[key, there], demand[whole, there], out), left, days))
    return sorted(rows, key=place_of)


def _alike(subject: Subject, by: Breakdown) -> dict[Key, tuple[str | None, list[str]]]:
    """For each key: of whose demand it is a share, and which skus it has."""
    found: dict[Key, tuple[str | None, list[str]]] = {}
    for one in subject.chosen:
        found.setdefault(by.key(one), (by.whole(one), []))[1].append(one.sku)
    return found


def _serving(per: Per, meant: Sequence[Place]) -> dict[Key, set[Serving]]:
    found: defaultdict[Key, set[Serving]] = defaultdict(set)
    for place in meant:
        found[key_of(per, place)].add((place.market, place.kind))
    return dict(found)


def _row(group: dict[str, str | None], counts: tuple[int, int, int], stock: Units | None, days: int) -> SellThroughRow:
    units, demand, drawn = counts
    return SellThroughRow(
        group=group,
        units=units,
        demand=demand,
        share_of_demand=rate(units, demand),
        drawn=drawn,
        on_hand=None if stock is None else stock.on_hand,
        available=None if stock is None else stock.available,
        sell_through=None if stock is None else rate(drawn, drawn + stock.available),
        days_of_cover=None if stock is None else rate(stock.available * days, drawn),
    )
