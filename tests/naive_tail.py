"""The sku tail, the long way: at which instants could something be bought, and was there anything to buy."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from fractions import Fraction

from tests.lesson_history import CHANNELS, CURRENCIES, LOCATIONS, ZONES, History, Listing, Params
from tests.naive_lessons import CATALOG, INSTANT, Eyes, Known, Row, members, one_currency, rate, served_by

WHOLE = "category:phones"
"""A set with the draft in it, as everything is."""


class Tail:
    """What a question sees of a sku in its days."""

    def __init__(self, history: History, asked: Params) -> None:
        self.eyes = Eyes(history, asked)
        self.asked = asked
        self.channels = [one for one in CHANNELS if self.eyes.meant(one)]
        self.sold = [line for line in self.eyes.lines() if self.eyes.has(line.sale) and line.units > 0]

    def begin(self, market: str) -> datetime:
        """When the days begin there."""
        day = self.eyes.today(market) - timedelta(days=self.asked["days"] - 1)
        return datetime.combine(day, time(), ZONES[market])

    def before(self, market: str) -> datetime:
        """Before when they end there, as far as one knew."""
        return min(self.eyes.before(market), self.eyes.believed + INSTANT)

    def there(self, sku: str) -> bool:
        """Whether the catalog knew it, or something of it was sold."""
        came = self.eyes.history.came.get(sku)
        if came is None or came.recorded_at is None or any(line.sku == sku for line in self.sold):
            return True
        last = self.eyes.instant or max(self.eyes.before(market) for market in ZONES) - INSTANT
        return came.recorded_at <= self.eyes.believed and (came.historic or came.recorded_at <= last)

    def offered(self, one: Listing) -> list[bool]:
        """Whether it could be bought in a channel in the days, and whether it could so before them or at once."""
        begin, before = self.begin(one.channel[-2:]), self.before(one.channel[-2:])
        said = [at for some in one.said for at in (some.until, some.visible_from, some.certified_from)]
        when = [
            at for at in (begin, one.recorded_at, *said) if at is not None and at < before and self.buyable(one, at)
        ]
        return [any(at >= begin for at in when), any(at <= begin for at in when)]

    def buyable(self, one: Listing, at: datetime) -> bool:
        """Whether it could be bought at an instant."""
        known = one.recorded_at
        if known is not None and (known > self.eyes.believed or (not one.historic and at < known)):
            return False
        said = next(some for some in one.said if some.until is None or at < some.until)
        return (
            said.visible_from <= at
            and (said.visible_to is None or at < said.visible_to)
            and said.certified_from is not None
            and said.certified_from <= at
        )

    def stocked(self, sku: str, serving: set[tuple[str, str]]) -> bool:
        """Whether there was a unit that nobody held."""
        for place, where in LOCATIONS.items():
            if where not in serving or self.asked.get("store", place) != place:
                continue
            history, begin, before = self.eyes.history, self.begin(where[1]), self.before(where[1])
            told = [one.at for one in history.moves]
            told += [at for one in history.holds for at in (one.taken_at, one.ended_at) if at is not None]
            for at in (begin - INSTANT, *(at for at in told if begin <= at < before)):
                supply, held = self.eyes.level(sku, place, at)
                if supply > held:
                    return True
        return False

    def why_unknown(self, sku: str) -> str | None:
        """Why nobody can say whether a sku might go."""
        offers = {
            one.channel: self.offered(one) for one in self.eyes.history.listings
            if one.sku == sku and one.channel in self.channels
        }  # fmt: skip
        offers = {channel: offer for channel, offer in offers.items() if offer[0]}
        long_there = [channel for channel, (_, older) in offers.items() if older]
        if not long_there:
            return "new" if offers else "not_offered"
        if self.eyes.stock([sku], long_there) is None:
            return "stock_unknown"
        return None if self.stocked(sku, {served_by(one) for one in long_there}) else "out_of_stock"

    def row(self, sku: str) -> Row:
        """A sku's row, but for its rank."""
        mine = [line for line in self.sold if line.sku == sku]
        lately = [line for line in mine if 0 <= self.age(line) < self.asked["days"]]
        units, (on_hand, free) = sum(one.units for one in lately), self.eyes.stock([sku], self.channels) or (None, None)
        sums = Counter({CURRENCIES[line.sale.market]: 0 for line in lately})
        for line in lately:
            sums[CURRENCIES[line.sale.market]] += line.net
        slow = units < self.asked["fewer_than"] and sku != "DRAFT-1"
        because = self.why_unknown(sku) if slow else None
        advice = "unknown" if because else "sell_off" if free else "retire"
        return {
            "sku": sku, "product": CATALOG.get(sku, ("draft",))[0], "category": CATALOG.get(sku, ("", "phones"))[1],
            "status": "draft" if sku == "DRAFT-1" else "active", "units": units,
            "orders": len({line.sale.number for line in lately}),
            "revenue": one_currency(sums or Counter({CURRENCIES[one[-2:]]: 0 for one in self.channels})),
            "on_hand": on_hand, "available": free,
            "days_since_last_sale": min((self.age(line) for line in mine), default=None),
            "candidate": advice if slow else "no", "unknown_because": because,
        }  # fmt: skip

    def age(self, line: Known) -> int:
        """How many days ago something was sold."""
        return (self.eyes.today(line.sale.market) - line.sale.day).days


def sku_tail(history: History, asked: Params) -> list[Row]:
    """What sold in the last days, and what might go."""
    tail = Tail(history, asked)
    return _ranked([tail.row(sku) for sku in _skus(asked) if tail.there(sku)])


def _skus(asked: Params) -> Iterator[str]:
    yield from members(asked, "of")
    if asked.get("of", WHOLE) == WHOLE:
        yield "DRAFT-1"


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
