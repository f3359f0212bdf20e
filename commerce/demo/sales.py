"""The half-year told visit by visit: who came when, to which channel, what was bought, and what came back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from commerce.demo.assortment import Variant
from commerce.demo.baskets import GUEST_KINDS, KINDS, Visit, discount, phone_in
from commerce.demo.dice import Dice
from commerce.demo.people import Person
from commerce.demo.places import (
    CHANNELS,
    CLOSES_HOUR,
    FIRST_DAY,
    LAST_DAY,
    OPENS_HOUR,
    Channel,
    Location,
    channel_of,
    share_half_up,
    stores_of,
)
from commerce.demo.prices import PriceList

# Monday to Sunday: the web is busy on Sunday evenings and Mondays, stores on Fridays and Saturdays.
WEB_WEEK = (16, 14, 13, 13, 12, 12, 20)
RETAIL_WEEK = (10, 10, 11, 13, 18, 26, 12)
WEB_HOURS: Mapping[int, int] = {
    **dict.fromkeys(range(6), 1),
    **dict.fromkeys(range(6, 12), 4),
    **dict.fromkeys(range(12, 18), 6),
    **dict.fromkeys(range(18, 23), 12),
    23: 5,
}
RETAIL_HOURS: Mapping[int, int] = {
    **dict.fromkeys(range(OPENS_HOUR, CLOSES_HOUR), 9),
    **dict.fromkeys(range(16, 19), 15),
}
# The fortnight after the Tern 3 became cheaper, and what it did to a day's custom, in percent.
RUSH = (date(2026, 8, 3), date(2026, 8, 16))
RUSH_PERCENT = 145

GUESTS: Mapping[str, int] = {"de-web": 120, "de-retail": 730, "us-web": 90, "us-retail": 500}
COME_BACK_DAYS: Mapping[tuple[int, int], int] = {(0, 2): 24, (3, 7): 30, (8, 30): 32, (31, 75): 14}
COME_AGAIN_DAYS = (7, 80)
VISITS_MAX = 9


@dataclass(frozen=True)
class Line:
    """One thing bought; amounts in minor units."""

    number: int
    sku: str
    quantity: int
    unit_price: int
    discount_total: int
    tax_total: int
    line_total: int


@dataclass(frozen=True, eq=False)
class Sale:
    """One order, before it has a number."""

    channel: Channel
    location: Location | None
    person: Person | None
    placed_at: datetime
    cancelled: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True, eq=False)
class Return:
    """Units of one line that came back; the refund has tax in it where the line's total has."""

    sale: Sale
    line: Line
    quantity: int
    channel: Channel
    location: Location | None
    returned_at: datetime
    refund_total: int


class Season:
    """Tells the half-year from its dice, and keeps the sales in the order in which they happened."""

    def __init__(self, dice: Dice, prices: PriceList, people: list[Person]) -> None:
        self._dice = dice
        self._prices = prices
        self._calendars = {channel.code: _calendar(channel) for channel in CHANNELS}
        told = [*self._sales_to_guests(), *(sale for person in people for sale in self._sales_to(person))]
        # sorted() keeps what is equal in the order told, so a tie always falls the same way.
        self.sales = sorted(told, key=lambda sale: sale.placed_at)

    def _sales_to_guests(self) -> Iterator[Sale]:
        for channel in CHANNELS:
            for _ in range(GUESTS[channel.code]):
                place = self._dice.pick(stores_of(channel.market)) if channel.is_retail else None
                instant = self._instant(channel, self._dice.weigh(self._calendars[channel.code]))
                visit = Visit(self._dice, self._prices, channel, instant)
                visit.choose(GUEST_KINDS)
                yield self._sale(None, place, visit)

    def _sales_to(self, person: Person) -> Iterator[Sale]:
        """Follow one customer through the half-year; one in twelve only ever signed up."""
        if self._dice.happens(8):
            web = channel_of(person.market, retail=False)
            signed_up = self._instant(web, self._dice.weigh(self._calendars[web.code]))
            person.created_at = person.created_at or signed_up
            return
        channel = self._channel_for(person)
        day: date | None = self._dice.weigh(self._calendars[channel.code])
        phone: Variant | None = None
        had: set[str] = set()
        for _ in range(VISITS_MAX):
            if day is None:
                return
            instant = self._instant(channel, day)
            visit = Visit(self._dice, self._prices, channel, instant)
            if phone and self._dice.happens(85):
                visit.choose_for(phone, had)
            else:
                visit.choose(KINDS)
            person.was_known_by(instant - timedelta(minutes=self._dice.between(2, 9)))
            yield self._sale(person, person.home if channel.is_retail else None, visit)
            bought = phone_in(visit.basket)
            if bought:
                phone = bought
                had.clear()  # a new phone needs a case of its own
            had.update(item.product for item in visit.basket)
            channel = self._channel_for(person)
            day = self._next_day(channel, day, bought_phone=bought is not None)

    def _channel_for(self, person: Person) -> Channel:
        return channel_of(person.market, retail=not self._dice.happens(person.leaning))

    def _next_day(self, channel: Channel, day: date, *, bought_phone: bool) -> date | None:
        """Tell when a customer comes back, or None: soon for what a phone needs, else some time or never."""
        if not self._dice.happens(82 if bought_phone else 64):
            return None
        span = self._dice.weigh(COME_BACK_DAYS) if bought_phone else COME_AGAIN_DAYS
        wanted = day + timedelta(self._dice.between(*span))
        return next((open_day for open_day in self._calendars[channel.code] if open_day >= wanted), None)

    def _instant(self, channel: Channel, day: date) -> datetime:
        hour = self._dice.weigh(RETAIL_HOURS if channel.is_retail else WEB_HOURS)
        return channel.market.instant(day, hour * 3600 + self._dice.below(3600))

    def _sale(self, person: Person | None, place: Location | None, visit: Visit) -> Sale:
        lines = tuple(self._line(number, item, visit) for number, item in enumerate(visit.basket, start=1))
        cancelled = not visit.channel.is_retail and self._dice.happens(2)
        return Sale(visit.channel, place, person, visit.instant, cancelled, lines)

    def _line(self, number: int, item: Variant, visit: Visit) -> Line:
        market = visit.channel.market
        unit_price = self._prices.in_force(item.sku, market, visit.instant)
        assert unit_price is not None, "the shelf holds only what has a price"
        quantity = visit.basket[item]
        day = market.local(visit.instant).date()
        off = discount(self._dice, item, quantity * unit_price, day, visit.basket)
        total = quantity * unit_price - off
        return Line(number, item.sku, quantity, unit_price, off, market.tax(total), total)


def _calendar(channel: Channel) -> dict[date, int]:
    """Weigh the days on which a channel sells."""
    week = RETAIL_WEEK if channel.is_retail else WEB_WEEK
    days = (FIRST_DAY + timedelta(n) for n in range((LAST_DAY - FIRST_DAY).days + 1))
    return {
        day: week[day.weekday()] * (RUSH_PERCENT if RUSH[0] <= day <= RUSH[1] else 100)
        for day in days
        if not channel.is_retail or channel.market.stores_open(day)
    }


def returns_of(dice: Dice, sales: list[Sale]) -> list[Return]:
    """Let one line in fifty come back, whole or in parts, in the order in which it happened."""
    back = [
        gone
        for sale in sales
        for line in sale.lines
        if not sale.cancelled and dice.happens(2)
        for gone in _returns_of_line(dice, sale, line)
    ]
    return sorted(back, key=lambda gone: gone.returned_at)


def _returns_of_line(dice: Dice, sale: Sale, line: Line) -> Iterator[Return]:
    """Bring a line back; refunds are rounded cumulatively, so parts add up to the whole."""
    market = sale.channel.market
    day, already = market.local(sale.placed_at).date(), 0
    while already < line.quantity:
        day += timedelta(dice.between(1, 13))
        quantity = dice.between(1, line.quantity - already)
        # Whoever bought in a store brings it there; of the web's buyers four in ten do.
        retail = sale.channel.is_retail or dice.happens(40)
        place = (sale.location or dice.pick(stores_of(market))) if retail else None
        while retail and not market.stores_open(day):
            day += timedelta(1)
        if day > LAST_DAY:
            return
        second = dice.between(OPENS_HOUR * 3600, CLOSES_HOUR * 3600 - 1)
        refund = share_half_up(line.line_total, already + quantity, line.quantity)
        refund -= share_half_up(line.line_total, already, line.quantity)
        channel = channel_of(market, retail=retail)
        yield Return(sale, line, quantity, channel, place, market.instant(day, second), refund)
        already += quantity
        if dice.happens(40):
            return
