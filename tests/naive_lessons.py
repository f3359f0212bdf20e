"""Lessons worked out the long way, from a past and the parameters of a question, to compare with what is answered."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from statistics import median_low
from typing import Any

from orders.reports.rules import wilson
from tests.lesson_history import CHANNELS, CURRENCIES, END, LOCATIONS, SKUS, ZONES, History, Params, Sale

CATALOG = {
    "PHONE-BLK": ("phone", "phones", "black"),
    "PHONE-WHT": ("phone", "phones", "white"),
    "CASE-BLK": ("case", "cases", "black"),
    "CHARGER": ("charger", "accessories", None),
    "WATCH": ("watch", "accessories", None),
}
"""Product, category and colour of what is sold. There is a draft besides, which nobody ever sells."""
BELOW = {"phones": {"phones"}, "accessories": {"accessories", "cases"}}
INSTANT = timedelta(microseconds=1)
Row = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """A line of which it was known that it was sold, and what else was known of it."""

    sale: Sale
    customer: int | None
    sku: str
    quantity: int
    revenue: int
    cancelled: int
    back: tuple[tuple[str | None, int, int], ...]
    """Where units came back, after how many days, and how many."""

    @property
    def returned(self) -> int:
        """Units that came back."""
        return sum(units for _, _, units in self.back)

    @property
    def units(self) -> int:
        """What is left."""
        return self.quantity - self.cancelled - self.returned

    def worth(self, units: int) -> int:
        """What so many units of it are worth, halves up."""
        return int(Fraction(self.revenue * units, self.quantity) + Fraction(1, 2))

    @property
    def net(self) -> int:
        """What is left of its revenue."""
        return self.revenue - self.worth(self.cancelled + self.returned)

    @property
    def order(self) -> tuple[datetime, str]:
        """Its place in time."""
        return self.sale.at, self.sale.number


class Eyes:
    """What a question sees of a past."""

    def __init__(self, history: History, asked: Params) -> None:
        self.history = history
        self.asked = asked
        said = str(asked.get("as_of", END.isoformat()))
        self.day = date.fromisoformat(said) if len(said) == 10 else None
        self.instant = None if self.day else datetime.fromisoformat(said)
        self.believed = datetime.fromisoformat(asked.get("believed_at", END.isoformat()))

    def before(self, market: str) -> datetime:
        """What is known in a market happened before this."""
        if self.instant is not None:
            return self.instant + INSTANT
        assert self.day is not None
        return datetime.combine(self.day + timedelta(days=1), time(), ZONES[market])

    def today(self, market: str) -> date:
        """The as-of's day there."""
        return self.day or self.before(market).astimezone(ZONES[market]).date()

    def over(self, market: str, last: date) -> bool:
        """Whether this day is over there."""
        return last < self.before(market).astimezone(ZONES[market]).date()

    def person(self, customer: int | None) -> int | None:
        """Who that is, as far as one knew."""
        last = max(self.before(market) for market in ZONES)
        known = {m.merged: m.survivor for m in self.history.merges if m.at < last and m.at <= self.believed}
        while customer in known:
            customer = known[customer]
        return customer

    def lines(self) -> Iterator[Known]:
        """Every line that was known."""
        for sale in self.history.sales:
            before, believed, zone = self.before(sale.market), self.believed, ZONES[sale.market]
            if sale.recorded_at > believed or (sale.at if sale.historic else sale.recorded_at) >= before:
                continue
            for line in sale.lines:
                seen = [
                    one for one in line.reductions
                    if one.recorded_at <= believed
                    and (one.happened_at if sale.historic else one.recorded_at) < before
                ]  # fmt: skip
                cancelled = sum(one.units for one in seen if one.kind == "cancelled")
                back = tuple(
                    (one.came_back_in, (one.happened_at.astimezone(zone).date() - sale.day).days, one.units)
                    for one in seen if one.kind == "returned"
                )  # fmt: skip
                yield Known(sale, self.person(sale.customer), line.sku, line.quantity, line.revenue, cancelled, back)

    def has(self, sale: Sale) -> bool:
        """Whether an order is one that is asked for."""
        first, last = self.asked.get("from"), self.asked.get("to")
        return bool(
            self.meant(sale.channel)
            and self.asked.get("store", sale.store) == sale.store
            and (first is None or sale.day >= date.fromisoformat(first))
            and (last is None or sale.day <= date.fromisoformat(last))
        )

    def meant(self, channel: str) -> bool:
        """Whether a channel is one that is asked for."""
        return bool(
            self.sells_there(channel)
            and self.asked.get("market", channel[-2:]) == channel[-2:]
            and self.asked.get("channel", channel) == channel
            and self.asked.get("channel_kind", CHANNELS[channel]) == CHANNELS[channel]
        )

    def sells_there(self, channel: str) -> bool:
        """Whether a channel sells in the store that is asked for: what is collected there was sold online."""
        return "store" not in self.asked or served_by(channel) == LOCATIONS[self.asked["store"]]

    def stock(self, skus: Iterable[str], channels: Iterable[str], last: date = date.max) -> tuple[int, int] | None:
        """Units in the places that serve some channels, no later than a day's end; and those of them nobody held."""
        serving = {served_by(one) for one in channels}
        found = []
        for sku, (place, where) in product(skus, LOCATIONS.items()):
            if where in serving and self.asked.get("store", place) == place:
                before = min(self.before(where[1]), self.believed + INSTANT, end_of(last, where[1]))
                if any((one.sku, one.location) == (sku, place) and one.at < before for one in self.history.moves):
                    supply, held = self.level(sku, place, before - INSTANT)
                    found.append((left(supply), left(supply - held)))
        return (sum(units for units, _ in found), sum(free for _, free in found)) if found else None

    def level(self, sku: str, place: str, at: datetime) -> tuple[int, int]:
        """What was there after whatever happened at an instant, and what of it was held."""
        there = [one for one in self.history.moves if (one.sku, one.location) == (sku, place)]
        holds = [one for one in self.history.holds if (one.sku, one.location) == (sku, place)]
        return (
            sum(one.units for one in there if one.at <= at),
            sum(one.units for one in holds if one.taken_at <= at and not (one.ended_at and one.ended_at <= at)),
        )


def served_by(channel: str) -> tuple[str, str]:
    """Which kind of place serves a channel, and in which market."""
    return ("warehouse" if CHANNELS[channel] == "online" else "store"), channel[-2:]


def drawn_from(sale: Sale) -> tuple[str, str]:
    """The same of what was sold: a store's own place, and of what is collected there, too."""
    return ("warehouse" if sale.store is None else "store"), sale.market


def end_of(day: date, market: str) -> datetime:
    """The instant at which a day is over."""
    return END if day == date.max else datetime.combine(day + timedelta(days=1), time(), ZONES[market])


def left(units: int) -> int:
    """A place that owes some has none."""
    return max(0, units)


def members(asked: Params, field: str) -> set[str]:
    """The skus of a set; all of them if none is named."""
    if field not in asked:
        return set(SKUS)
    kind, _, word = asked[field].partition(":")
    wanted = BELOW[word] if kind == "category" else {word}
    return {
        sku for sku in SKUS if {"sku": sku, "product": CATALOG[sku][0], "category": CATALOG[sku][1]}[kind] in wanted
    }


def key_of(by: str, sku: str) -> Row:
    """What a sku's row is called."""
    made, category, colour = CATALOG[sku]
    keys: dict[str, Row] = {
        "all": {}, "category": {"category": category}, "product": {"product": made},
        "sku": {"product": made, "sku": sku}, "option:colour": {"product": made, "option:colour": colour},
    }  # fmt: skip
    return keys[by]


def where_of(per: str, channel: str) -> Row:
    """What a channel's row is called."""
    named = {"channel": channel, "channel_kind": CHANNELS[channel], "market": channel[-2:]}
    return {per: named[per]} if per in named else {}


def rate(above: int, below: int) -> str | None:
    """A share as it is told."""
    return str((Decimal(above) / below).quantize(Decimal("0.000001"))) if below else None


def interval(above: int, below: int) -> Row | None:
    """Its interval, which has tests of its own."""
    found = wilson(above, below)
    return None if found is None else {"low": str(found.low), "high": str(found.high)}


def together(asked: Params, eyes: Eyes) -> Iterator[tuple[Row, list[str], list[str]]]:
    """Every row that there might be, its skus and its channels."""
    skus, channels = members(asked, "of"), [one for one in CHANNELS if eyes.meant(one)]
    keys: list[Row] = []
    for sku, channel in product(sorted(skus), channels):
        key = key_of(asked["by"], sku) | where_of(asked["per"], channel)
        if key not in keys:
            keys.append(key)
    for key in keys:
        yield (
            key,
            [sku for sku in sorted(skus) if key_of(asked["by"], sku).items() <= key.items()],
            [channel for channel in channels if where_of(asked["per"], channel).items() <= key.items()],
        )


def sell_through(history: History, asked: Params) -> list[Row]:
    """Sell-through with a period of days."""
    eyes = Eyes(history, asked)
    latest = max(eyes.today(channel[-2:]) for channel in CHANNELS if eyes.meant(channel))
    last = date.fromisoformat(asked["to"]) if "to" in asked else _to(asked, latest)
    first = date.fromisoformat(asked["from"]) if "from" in asked else last - timedelta(days=27)
    there = [
        line for line in eyes.lines()
        if first <= line.sale.day <= last and asked.get("store", line.sale.store) == line.sale.store
    ]  # fmt: skip
    lines = [line for line in there if eyes.has(line.sale)]
    days = max(0, (min(last, latest) - first).days + 1)
    rows = []
    for key, skus, channels in together(asked, eyes):
        whole = members(asked, "of")
        if asked["by"] in {"sku", "option:colour"}:
            whole = {sku for sku in SKUS if CATALOG[sku][0] == key["product"]}
        units = sum(line.units for line in lines if line.sku in skus and line.sale.channel in channels)
        demand = sum(line.units for line in lines if line.sku in whole and line.sale.channel in channels)
        serving = {served_by(channel) for channel in channels}
        drawn = sum(line.units for line in there if line.sku in skus and drawn_from(line.sale) in serving)
        units_left, free = eyes.stock(skus, channels, last) or (None, None)
        if units or drawn or units_left:
            rows.append({
                "group": key, "units": units, "demand": demand, "share_of_demand": rate(units, demand),
                "drawn": drawn, "on_hand": units_left, "available": free,
                "sell_through": None if free is None else rate(drawn, drawn + free),
                "days_of_cover": None if free is None else rate(free * days, drawn),
            })  # fmt: skip
    return rows


def _to(asked: Params, latest: date) -> date:
    return max(latest, date.fromisoformat(asked["from"])) if "from" in asked else latest


def returns(history: History, asked: Params) -> list[Row]:
    """Returns."""
    eyes = Eyes(history, asked)
    rows = []
    for key, skus, channels in together(asked, eyes):
        lines = [
            line for line in eyes.lines()
            if line.sku in skus and line.sale.channel in channels and eyes.has(line.sale)
        ]  # fmt: skip
        if not lines:
            continue
        sold, back = sum(line.quantity - line.cancelled for line in lines), sum(line.returned for line in lines)
        came = Counter[str](dict.fromkeys(("same_channel", "same_kind", "other_kind", "unsaid"), 0))
        days: list[int] = []
        for line in lines:
            for where, after, units in line.back:
                came[_where(line.sale.channel, where)] += units
                days += [after] * units
        rows.append({
            "group": key, "sold": sold, "returned": back, "share": rate(back, sold), "interval": interval(back, sold),
            "small_sample": sold < 30, "cancelled": sum(line.cancelled for line in lines), "came_back": dict(came),
            "median_days": median_low(days) if days else None,
            "revenue_sold": _money(lines, lambda line: line.revenue - line.worth(line.cancelled)),
            "revenue_returned": _money(
                lines, lambda line: line.worth(line.cancelled + line.returned) - line.worth(line.cancelled)
            ),
        })  # fmt: skip
    return rows


def _where(sold_in: str, back_in: str | None) -> str:
    if back_in is None:
        return "unsaid"
    if back_in == sold_in:
        return "same_channel"
    return "same_kind" if CHANNELS[back_in] == CHANNELS[sold_in] else "other_kind"


def _money(lines: Iterable[Known], worth: Callable[[Known], int]) -> Row | None:
    sums = Counter[str]()
    for line in lines:
        sums[CURRENCIES[line.sale.market]] += worth(line)
    return one_currency(sums)


def one_currency(sums: Counter[str]) -> Row | None:
    """An amount, if there is one only."""
    return None if len(sums) != 1 else {"amount": next(iter(sums.values())), "currency": next(iter(sums))}


def words(row: Row) -> str:
    """A row's group as one text."""
    return json.dumps(list(row["group"].values()), separators=(",", ":"))
