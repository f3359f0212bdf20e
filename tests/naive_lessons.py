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
        of_store = LOCATIONS[self.asked["store"]][1] if "store" in self.asked else channel[-2:]
        return bool(
            self.asked.get("market", channel[-2:]) == channel[-2:] == of_store
            and self.asked.get("channel", channel) == channel
            and self.asked.get("channel_kind", CHANNELS[channel]) == CHANNELS[channel]
        )

    def on_hand(self, skus: Iterable[str], channels: Iterable[str]) -> int | None:
        """Units in the places that serve some channels."""
        serving = {("warehouse" if CHANNELS[one] == "online" else "store", one[-2:]) for one in channels}
        found = []
        for sku, (place, where) in product(skus, LOCATIONS.items()):
            if where in serving and self.asked.get("store", place) == place:
                before = min(self.before(where[1]), self.believed + INSTANT)
                moves = [
                    one.units for one in self.history.moves
                    if (one.sku, one.location) == (sku, place) and one.at < before
                ]  # fmt: skip
                found += [left(sum(moves))] if moves else []
        return sum(found) if found else None


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
    lines = [line for line in eyes.lines() if eyes.has(line.sale)]
    latest = max(eyes.today(market) for market in ZONES)
    last = date.fromisoformat(asked["to"]) if "to" in asked else _to(asked, latest)
    first = date.fromisoformat(asked["from"]) if "from" in asked else last - timedelta(days=27)
    lines = [line for line in lines if first <= line.sale.day <= last]
    days = max(0, (min(last, latest) - first).days + 1)
    rows = []
    for key, skus, channels in together(asked, eyes):
        whole = members(asked, "of")
        if asked["by"] in {"sku", "option:colour"}:
            whole = {sku for sku in SKUS if CATALOG[sku][0] == key["product"]}
        units = sum(line.units for line in lines if line.sku in skus and line.sale.channel in channels)
        demand = sum(line.units for line in lines if line.sku in whole and line.sale.channel in channels)
        stock = eyes.on_hand(skus, channels)
        if units or stock:
            rows.append({
                "group": key, "units": units, "demand": demand, "share_of_demand": rate(units, demand),
                "on_hand": stock, "sell_through": None if stock is None else rate(units, units + stock),
                "days_of_cover": None if stock is None else rate(stock * days, units),
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


def sku_tail(history: History, asked: Params) -> list[Row]:
    """What sold in the last days, and what might go. Everything is active and was shown long before, but the draft."""
    eyes = Eyes(history, asked)
    channels = [one for one in CHANNELS if eyes.meant(one)]
    sold = [
        line for line in eyes.lines() if eyes.has(line.sale) and line.units > 0 and line.sku in members(asked, "of")
    ]
    rows = []
    for sku in sorted(
        {*members(asked, "of"), *(["DRAFT-1"] if asked.get("of", "category:phones") == "category:phones" else [])}
    ):
        mine = [line for line in sold if line.sku == sku]
        lately = [line for line in mine if 0 <= _ago(eyes, line) < asked["days"]]
        units, stock = sum(line.units for line in lately), eyes.on_hand([sku], channels)
        sums = Counter({CURRENCIES[line.sale.market]: 0 for line in lately})
        for line in lately:
            sums[CURRENCIES[line.sale.market]] += line.net
        slow = "sell_off" if stock else "retire"
        rows.append({
            "sku": sku, "product": CATALOG.get(sku, ("draft",))[0], "category": CATALOG.get(sku, ("", "phones"))[1],
            "status": "draft" if sku == "DRAFT-1" else "active", "units": units,
            "orders": len({line.sale.number for line in lately}),
            "revenue": one_currency(sums or Counter({CURRENCIES[one[-2:]]: 0 for one in channels})), "on_hand": stock,
            "days_since_last_sale": min((_ago(eyes, line) for line in mine), default=None),
            "candidate": slow if units < asked["fewer_than"] and sku != "DRAFT-1" else "no",
        })  # fmt: skip
    return _ranked(rows)


def _ago(eyes: Eyes, line: Known) -> int:
    return (eyes.today(line.sale.market) - line.sale.day).days


def _ranked(rows: list[Row]) -> list[Row]:
    def age(row: Row) -> int:
        return 10**9 if row["days_since_last_sale"] is None else int(row["days_since_last_sale"])

    rows.sort(key=lambda row: (-row["units"], age(row), row["sku"]))
    total, so_far = sum(row["units"] for row in rows), 0
    for rank, row in enumerate(rows, 1):
        begins = Fraction(so_far, total or 1)
        so_far += row["units"]
        letter = "A" if begins < Fraction(80, 100) else "B" if begins < Fraction(95, 100) else "C"
        row |= {
            "rank": rank, "share": rate(row["units"], total), "cumulative_share": rate(so_far, total),
            "abc": letter if row["units"] else "C",
        }  # fmt: skip
    return rows


def words(row: Row) -> str:
    """A row's group as one text."""
    return json.dumps(list(row["group"].values()), separators=(",", ":"))
