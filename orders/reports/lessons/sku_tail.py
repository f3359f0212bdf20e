"""Sku tail: how every sku sold lately, which few make up most of it, and which might leave the range."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import text

from catalog.came_later import came_later
from catalog.described import Described
from catalog.on_offer import Days, Offer, on_offer
from commerce.kernel.bodies import Amount
from commerce.kernel.db import Database, ReadSession
from commerce.kernel.refusals import InvalidInput
from orders.reports.lessons.answer import Meaning, Order, amount, as_of_said, lesson_of
from orders.reports.lessons.lines import net_revenue, net_units, sold_lines
from orders.reports.lessons.schemas import Candidate, Lesson, SkuTailRow, Unknown
from orders.reports.lessons.shelves import OnHand, Serving, places_meant, stock_of, stocked
from orders.reports.lessons.subject import Subject, subject_of
from orders.reports.lessons.words import SKU_TAIL, SKU_TAIL_RULES
from orders.reports.persons import Merges
from orders.reports.places import Place
from orders.reports.rates import make_room
from orders.reports.rules import Period, rate
from orders.reports.scope import ScopeAsked, Seen, conditions_of, see, values_of

A_PERCENT, B_PERCENT = 80, 95
_NEVER = 1_000_000
"""More days than since any sale."""
_NOBODY = Merges([], [])


class Sort(StrEnum):
    """Which end comes first."""

    TAIL = "tail"
    RANK = "rank"


class Asked(NamedTuple):
    """What was asked beside the scope."""

    of: Sequence[str]
    days: int
    fewer_than: int
    sort: Sort


class _Sold(NamedTuple):
    """What a sku sold lately in a market."""

    market: str
    orders: int
    units: int
    revenue: int


class _Found(NamedTuple):
    """Everything that was read: by number, by number, and by sku."""

    lately: Mapping[int, Sequence[_Sold]]
    days_since: Mapping[int, int]
    stock: OnHand
    offers: Mapping[str, Sequence[Offer]]
    stocked: Collection[tuple[str, Serving]]
    later: Collection[int]
    """What was not in the catalog yet."""


async def sku_tail(db: Database, within: ScopeAsked, asked: Asked) -> Lesson[SkuTailRow]:
    """A row for every sku, those that sold least first, or most. Raises InvalidInput and UnknownReference."""
    for field, said in (("from", within.first), ("to", within.last)):
        if said is not None:
            raise InvalidInput(field, "This report is about the last days: say with `days` how many.")
    async with db.snapshot() as tx:
        seen = await see(tx, within, db.clock.now())
        subject = await subject_of(tx, asked.of, seen.scope.as_of)
        meant = await places_meant(tx, seen)
        await make_room(tx)
        found = await _find(tx, seen, subject, meant, asked)
    there = [one for one in subject.chosen if one.sku_no not in found.later or one.sku_no in found.days_since]
    ranked = sorted(there, key=lambda one: (-_units(found, one), _days(found, one), one.sku))
    # However many rows: meanwhile others are served.
    rows = await asyncio.to_thread(_rows, ranked, meant, found, asked.fewer_than)
    numbers = {"days": asked.days, "fewer_than": asked.fewer_than}
    meaning = Meaning(SKU_TAIL, SKU_TAIL_RULES, {"of": subject.named}, numbers, ["sku"], as_of_said(seen))
    return lesson_of(seen, meaning, sorted(rows, key=place_of if asked.sort is Sort.TAIL else ranked_place_of))


def place_of(row: SkuTailRow) -> Order:
    """Where a row stands from the tail: what sold least and longest ago comes first."""
    return row.units, -(_NEVER if row.days_since_last_sale is None else row.days_since_last_sale), row.sku


def ranked_place_of(row: SkuTailRow) -> Order:
    """Where a row stands from the top."""
    return row.rank, 0, row.sku


async def _find(tx: ReadSession, seen: Seen, subject: Subject, meant: Sequence[Place], asked: Asked) -> _Found:
    as_of = seen.scope.as_of
    lately, days_since = await _sales(tx, seen, subject, meant, asked.days)
    slow = {
        one.sku
        for one in subject.chosen
        if one.status == "active" and sum(sold.units for sold in lately.get(one.sku_no, ())) < asked.fewer_than
    }
    begins = {place.market: _begin(_today(seen, place) - timedelta(days=asked.days - 1), place) for place in meant}
    shown = [Days(place.channel, begins[place.market], place.known_before) for place in meant]
    offers: defaultdict[str, list[Offer]] = defaultdict(list)
    for offer in await on_offer(tx, shown, as_of.last_instant, as_of.believed_at):
        offers[offer.sku].append(offer)
    stock = await stock_of(tx, seen, meant)
    # What is still there needs no looking back, and that is nearly everything.
    there = {key for key, units in stock.units.items() if units.available}
    gone = {sku for sku, where in stock.units if sku in slow and sku in offers and (sku, where) not in there}
    there |= await stocked(tx, seen, meant, begins, gone)
    return _Found(lately, days_since, stock, offers, there, await came_later(tx, as_of.last_instant, as_of.believed_at))


async def _sales(
    tx: ReadSession, seen: Seen, subject: Subject, meant: Sequence[Place], days: int
) -> tuple[dict[int, list[_Sold]], dict[int, int]]:
    """By number, what was sold in those days, and how long ago the last sale was."""
    earliest = min((_today(seen, place) for place in meant), default=seen.scope.as_of.instant.date())
    scope = msgspec.structs.replace(seen.scope, period=Period(earliest - timedelta(days=days), None))
    narrowed = subject.named is not None
    facts = {**values_of(scope, seen.places, _NOBODY), "sku_nos": subject.sku_nos, "days": days}
    ever, lately = (sold_lines(bounded=bounded, narrowed=narrowed, merges=False) for bounded in (False, True))
    conditions = " AND ".join([*conditions_of(seen.scope), f"{net_units('x')} > 0"])
    so_far = "x.as_of_day" if seen.scope.as_of.day is None else "x.as_of_day - 1"
    last = text(f"""
        SELECT x.sku_no, min({so_far} - x.day) FROM ({ever}) AS x WHERE {conditions} GROUP BY x.sku_no
    """)  # noqa: S608 - made of constants; what a caller gave is bound
    by_order = text(f"""
        SELECT sku_no, market, count(*), sum(units), sum(revenue)
          FROM (SELECT x.sku_no, x.market, sum({net_units("x")}) AS units, sum({net_revenue("x")}) AS revenue
                  FROM ({lately}) AS x
                 WHERE {conditions} AND x.day > {so_far} - CAST(:days AS int) AND x.day <= {so_far}
                 GROUP BY x.sku_no, x.market, x.order_number) AS o
         GROUP BY sku_no, market
    """)  # noqa: S608 - as above
    sold: defaultdict[int, list[_Sold]] = defaultdict(list)
    for sku_no, market, *numbers in await tx.execute(by_order, facts):
        sold[sku_no].append(_Sold(market, *map(int, numbers)))
    return dict(sold), {row[0]: row[1] for row in await tx.execute(last, facts)}


def _today(seen: Seen, place: Place) -> date:
    """The day that it is at the as-of, or was until a moment ago."""
    return seen.scope.as_of.day or place.as_of_day


def _begin(day: date, place: Place) -> datetime:
    """The instant at which a day begins, in the time zone that the market had at the as-of."""
    return datetime.combine(day, time(), ZoneInfo(place.time_zone))


def _units(found: _Found, one: Described) -> int:
    return sum(sold.units for sold in found.lately.get(one.sku_no, ()))


def _days(found: _Found, one: Described) -> int:
    return found.days_since.get(one.sku_no, _NEVER)


def _rows(ranked: Sequence[Described], meant: Sequence[Place], found: _Found, fewer_than: int) -> list[SkuTailRow]:
    serves = {place.channel: (place.market, place.kind) for place in meant}
    serving = set(serves.values())
    currencies = {place.market: place.currency for place in meant}
    total = sum(_units(found, one) for one in ranked)
    before, rows = 0, []
    for rank, one in enumerate(ranked, 1):
        sold = found.lately.get(one.sku_no, ())
        units, stock = _units(found, one), found.stock.of([one.sku], serving)
        slow = one.status == "active" and units < fewer_than
        because = _why_unknown(one, found, serves) if slow else None
        advice = Candidate.SELL_OFF if stock is not None and stock.available else Candidate.RETIRE
        rows.append(
            SkuTailRow(
                sku=one.sku,
                product=one.product,
                category=one.category,
                status=one.status,
                units=units,
                orders=sum(some.orders for some in sold),
                revenue=_revenue(sold, currencies),
                on_hand=None if stock is None else stock.on_hand,
                available=None if stock is None else stock.available,
                days_since_last_sale=found.days_since.get(one.sku_no),
                rank=rank,
                share=rate(units, total),
                cumulative_share=rate(before + units, total),
                abc=_abc(before, units, total),
                candidate=Candidate.UNKNOWN if because else advice if slow else Candidate.NO,
                unknown_because=because,
            )
        )
        before += units
    return rows


def _revenue(sold: Sequence[_Sold], currencies: Mapping[str, str]) -> Amount | None:
    """In the currency of all the markets that are meant, if it is one; or else of those where it was sold."""
    sums: Counter[str] = Counter()
    for some in sold:
        sums[currencies[some.market]] += some.revenue
    return amount(sums or dict.fromkeys(currencies.values(), 0))


def _abc(before: int, units: int, total: int) -> str:
    if not units or before * 100 >= B_PERCENT * total:
        return "C"
    return "A" if before * 100 < A_PERCENT * total else "B"


def _why_unknown(one: Described, found: _Found, serves: Mapping[str, Serving]) -> Unknown | None:
    """Why nobody can say that it found no buyers: it was not there for anybody to buy, or we do not know whether."""
    offers = found.offers.get(one.sku, ())
    if not offers:
        return Unknown.NOT_OFFERED
    where = {serves[offer.channel] for offer in offers if offer.older}
    if not where:
        return Unknown.NEW
    if found.stock.of([one.sku], where) is None:
        return Unknown.STOCK_UNKNOWN
    return None if any((one.sku, there) in found.stocked for there in where) else Unknown.OUT_OF_STOCK
