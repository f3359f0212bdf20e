"""Small pasts for lessons, and questions about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

ZONES = {"de": ZoneInfo("Europe/Berlin"), "us": ZoneInfo("America/New_York")}
CURRENCIES = {"de": "EUR", "us": "USD"}
CHANNELS = {"web-de": "online", "app-de": "online", "retail-de": "retail", "web-us": "online", "retail-us": "retail"}
STORES = {"retail-de": ("berlin", "munich"), "retail-us": ("nyc",)}
LOCATIONS = {
    "wh-de": ("warehouse", "de"), "berlin": ("store", "de"), "munich": ("store", "de"), "wh-us": ("warehouse", "us"),
    "nyc": ("store", "us"),
}  # fmt: skip
SKUS = ("PHONE-BLK", "PHONE-WHT", "CASE-BLK", "CHARGER", "WATCH")
PERSONS = 4
BEGIN = datetime(2025, 9, 25, tzinfo=UTC)
"""Germany's clocks go back a month later, America's a week after that."""
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
END = datetime(2028, 1, 10, 12, tzinfo=UTC)
"""When questions are asked."""

Params = dict[str, Any]


@dataclass(frozen=True)
class Reduction:
    """Units of a line that were cancelled or came back."""

    units: int
    kind: str
    happened_at: datetime
    recorded_at: datetime
    came_back_in: str | None


@dataclass(frozen=True)
class Line:
    """What was sold, and what became of it."""

    sku: str
    quantity: int
    revenue: int
    reductions: tuple[Reduction, ...]


@dataclass(frozen=True)
class Sale:
    """An order; `store` is where it is handed over. Of a historic one it was known when it happened what happened."""

    number: str
    channel: str
    store: str | None
    customer: int | None
    at: datetime
    recorded_at: datetime
    historic: bool
    lines: tuple[Line, ...]

    @property
    def market(self) -> str:
        """Where it was sold."""
        return self.channel[-2:]

    @property
    def day(self) -> date:
        """Its day there."""
        return self.at.astimezone(ZONES[self.market]).date()


@dataclass(frozen=True)
class Merge:
    """Two customers who turned out to be one."""

    merged: int
    survivor: int
    at: datetime


@dataclass(frozen=True)
class Move:
    """Units that came to a place or left it."""

    sku: str
    location: str
    units: int
    at: datetime


@dataclass(frozen=True)
class Hold:
    """Units in a place that were promised, perhaps until some instant."""

    sku: str
    location: str
    units: int
    taken_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Said:
    """What a listing said until an instant, the last one for ever."""

    until: datetime | None
    visible_from: datetime
    visible_to: datetime | None
    certified_from: datetime | None


@dataclass(frozen=True)
class Listing:
    """A sku in a channel. A historic one was there always, and so was one of which nobody knows since when."""

    channel: str
    sku: str
    recorded_at: datetime | None
    historic: bool
    said: tuple[Said, ...]


@dataclass(frozen=True)
class Came:
    """When the catalog came to know a sku."""

    recorded_at: datetime | None
    historic: bool


@dataclass(frozen=True)
class History:
    """A past."""

    sales: tuple[Sale, ...]
    merges: tuple[Merge, ...]
    moves: tuple[Move, ...]
    holds: tuple[Hold, ...]
    listings: tuple[Listing, ...]
    came: Mapping[str, Came]


# A world: a past, and a question about it that is close to what happened

_DAYS = (0, 1, 29, 30, 31, 38, 60, 89, 90, 91, 120, 364, 365, 366, 400)
_TIMES = ((0, 0), (3, 59), (4, 0), (5, 0), (12, 0), (21, 59), (22, 0), (23, 0), (23, 30))
"""Around midnights of both markets, and around the days on which windows end."""
_DELAYS = (timedelta(0), timedelta(0), timedelta(hours=1), timedelta(days=2), timedelta(days=40))
_SETS = ("category:phones", "product:case", "sku:PHONE-WHT", "category:accessories")
_SIDES = (("category:phones", "category:accessories"), ("product:case", "sku:PHONE-WHT"))
_PLACES: tuple[Params, ...] = (
    {}, {}, {}, {"market": "de"}, {"channel": "web-de"}, {"channel_kind": "retail"}, {"store": "berlin"}
)  # fmt: skip


def world(report: str, seed: int) -> tuple[History, Params]:
    """A past and a question, always the same for a seed."""
    dice = Random(f"{report} {seed}")  # noqa: S311 - no secret comes of it
    history = _history(dice)
    return history, {**_scope(dice, history, period=report != "sku-tail"), **_rest(dice, report)}


def _instant(dice: Random) -> datetime:
    hours, minutes = dice.choice(_TIMES)
    return BEGIN + timedelta(days=dice.choice(_DAYS), hours=hours, minutes=minutes)


def _history(dice: Random) -> History:
    numbers = dice.sample(range(10), dice.randint(1, 9))
    merged = dice.sample(range(PERSONS - 1), dice.choice((0, 1, 2)))
    sales: list[Sale] = []
    for number in numbers:
        sales.append(_sale(dice, number, dice.choice(sales) if sales and dice.random() < 1 / 4 else None))
    return History(
        tuple(sales),
        tuple(Merge(one, dice.randint(one + 1, PERSONS - 1), _instant(dice)) for one in merged),
        tuple(move for _ in range(dice.randint(0, 8)) for move in _moves(dice)),
        tuple(_hold(dice) for _ in range(dice.randint(0, 4))),
        tuple(
            _listing(dice, channel, sku) for sku in SKUS for channel in sorted(CHANNELS) if dice.random() < 7 / 8
        ),
        {sku: _came(dice) for sku in SKUS},
    )  # fmt: skip


def _moves(dice: Random) -> list[Move]:
    """Units that come or go, or come and go."""
    sku, place = dice.choice(SKUS), dice.choice(sorted(LOCATIONS))
    came, went = sorted((_instant(dice), _instant(dice)))
    units = dice.choice((-9, -1, 1, 2, 5, 9))
    there = Move(sku, place, units, came)
    return [there, Move(sku, place, -units, went)] if units > 0 and dice.random() < 1 / 2 else [there]


def _hold(dice: Random) -> Hold:
    taken, ended = sorted((_instant(dice), _instant(dice)))
    until = dice.choice((None, ended))
    return Hold(dice.choice(SKUS), dice.choice(sorted(LOCATIONS)), dice.choice((1, 2, 9)), taken, until)


def _listing(dice: Random, channel: str, sku: str) -> Listing:
    """Mostly one that was there long before, and was never changed."""
    came = _came(dice)
    changes = sorted({_instant(dice) for _ in range(dice.choice((0, 0, 0, 1, 2)))})
    later = [at for at in changes if came.recorded_at is None or at > came.recorded_at]
    return Listing(channel, sku, *_facts(came), tuple(_said(dice, until) for until in (*later, None)))


def _said(dice: Random, until: datetime | None) -> Said:
    begins = dice.choice((LONG_AGO, LONG_AGO, LONG_AGO, _instant(dice)))
    ends = dice.choice((None, None, None, max(_instant(dice), begins + timedelta(hours=1))))
    return Said(until, begins, ends, dice.choice((LONG_AGO, LONG_AGO, LONG_AGO, _instant(dice), None)))


def _came(dice: Random) -> Came:
    return Came(dice.choice((None, None, _instant(dice))), dice.random() < 1 / 2)


def _facts(came: Came) -> tuple[datetime | None, bool]:
    return came.recorded_at, came.historic


def _sale(dice: Random, number: int, beside: Sale | None) -> Sale:
    """An order, perhaps of the same person at the same instant as another one."""
    at, channel = beside.at if beside else _instant(dice), dice.choice(sorted(CHANNELS))
    somebody = dice.choice((None, *range(PERSONS), *range(PERSONS)))
    return Sale(
        f"N-{number}", channel, _store(dice, channel),
        beside.customer if beside else somebody, at, at + dice.choice(_DELAYS), dice.random() < 1 / 2,
        tuple(_line(dice, at, channel) for _ in range(dice.randint(1, 3))),
    )  # fmt: skip


def _store(dice: Random, channel: str) -> str | None:
    """Where it was sold; or of what was ordered online, where it is collected, if it is."""
    if channel in STORES:
        return dice.choice(STORES[channel])
    return dice.choice((None, None, None, dice.choice(STORES[f"retail-{channel[-2:]}"])))


def _line(dice: Random, at: datetime, channel: str) -> Line:
    left = quantity = dice.randint(1, 4)
    reductions = []
    for _ in range(dice.choice((0, 0, 1, 1, 2, 3))):
        units = dice.randint(0, left)
        if units:
            left -= units
            happened = at + dice.choice((timedelta(0), timedelta(hours=2), timedelta(days=3, hours=9)))
            kind = dice.choice(("cancelled", "returned", "returned"))
            back_in = dice.choice((None, channel, *CHANNELS)) if kind == "returned" else None
            reductions.append(Reduction(units, kind, happened, happened + dice.choice(_DELAYS), back_in))
    return Line(dice.choice(SKUS), quantity, dice.randint(0, 1000), tuple(reductions))


def _scope(dice: Random, history: History, *, period: bool) -> Params:
    """As of when something happened, became known, or was over; and often at the end of everything."""
    told = [one for sale in history.sales for one in (sale.at, sale.recorded_at)]
    told += [when for sale in history.sales for line in sale.lines for one in line.reductions
             for when in (one.happened_at, one.recorded_at)]  # fmt: skip
    told += [one.at for one in history.merges] + [one.at for one in history.moves]
    over = [sale.at + timedelta(days=days) for sale in history.sales for days in (29, 30, 90, 365)]
    at = dice.choice((dice.choice(told), dice.choice(over)))
    asked: Params = dict(dice.choice(_PLACES))
    asked |= dice.choice(({}, {"as_of": at.isoformat()}, {"as_of": at.date().isoformat()}))
    asked |= dice.choice(({}, {}, {"believed_at": dice.choice(told).isoformat()}))
    first = dice.choice(history.sales).day
    last = first + timedelta(days=dice.choice((0, 28, 400)))
    bounds = {"from": first.isoformat(), "to": last.isoformat()}
    return asked | (dice.choice((bounds, bounds, {"from": bounds["from"]}, {})) if period else {})


def _rest(dice: Random, report: str) -> Params:
    """What else is asked of a report."""
    of, anchor, devices = (dice.choice(({}, {name: dice.choice(_SETS)})) for name in ("of", "anchor", "devices"))
    per = {"per": dice.choice(("channel", "channel_kind", "market", "all"))}
    by = {"by": dice.choice(("all", "category", "product", "sku", "option:colour")), "limit": 3}
    sides = dict(zip(("anchor", "attach"), dice.choice(_SIDES), strict=True))
    rest: dict[str, Params] = {
        "sell-through": {**of, **per, **by},
        "returns": {**of, **per, **by},
        "repeat-purchase": {**anchor, **devices, **per},
        "customer-revenue": {**sides, **per},
        "sku-tail": {**of, "days": dice.choice((1, 30, 90, 365)), "fewer_than": dice.randint(0, 4), "limit": 2},
    }
    return rest[report]
