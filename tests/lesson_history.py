"""Small pasts for lessons, written straight into the facts that lessons read, and questions about them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from commerce.kernel.db import Database, Session
from commerce.kernel.rows import Into, write

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
    """An order. Of a historic one it was known when it happened whatever happened."""

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
class History:
    """A past."""

    sales: tuple[Sale, ...]
    merges: tuple[Merge, ...]
    moves: tuple[Move, ...]


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
        tuple(
            Move(dice.choice(SKUS), dice.choice(sorted(LOCATIONS)), dice.choice((-9, -1, 1, 2, 5, 9)), _instant(dice))
            for _ in range(dice.randint(0, 8))
        ),
    )


def _sale(dice: Random, number: int, beside: Sale | None) -> Sale:
    """An order, perhaps of the same person at the same instant as another one."""
    at, channel = beside.at if beside else _instant(dice), dice.choice(sorted(CHANNELS))
    somebody = dice.choice((None, *range(PERSONS), *range(PERSONS)))
    return Sale(
        f"N-{number}", channel, dice.choice(STORES[channel]) if channel in STORES else None,
        beside.customer if beside else somebody, at, at + dice.choice(_DELAYS), dice.random() < 1 / 2,
        tuple(_line(dice, at, channel) for _ in range(dice.randint(1, 3))),
    )  # fmt: skip


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


# Into the database

_SALES = Into("report_sales", {
    "placed_at": "timestamptz", "recorded_at": "timestamptz", "revenue": "bigint", "customer_no": "int",
    "sku_no": "int", "day": "date", "quantity": "int", "line": "int", "historic": "bool", "preorder": "bool",
    "order_number": "text", "channel": "text", "location": "text",
})  # fmt: skip
_REDUCTIONS = Into("report_reductions", {
    "placed_at": "timestamptz", "happened_at": "timestamptz", "recorded_at": "timestamptz", "sku_no": "int",
    "units": "int", "line": "int", "historic": "bool", "kind": "text", "order_number": "text", "channel": "text",
    "came_back_in": "text",
})  # fmt: skip
_POOLS = Into(
    "stock_pools", {"id": "text", "sku": "text", "location": "text", "supply": "int", "overdrawn": "int"}
)  # fmt: skip
_MOVES = Into("movements", {
    "id": "text", "pool_id": "text", "kind": "text", "units": "int", "reference": "text", "actor": "text",
    "moved_at": "timestamptz",
})  # fmt: skip
_MERGES = Into("customer_merges", {
    "id": "text", "merged": "text", "survivor": "text", "actor": "text", "reason": "text", "merged_at": "timestamptz",
    "moved": "jsonb",
})  # fmt: skip
_CLEAR = ("report_sales", "report_reductions", "customer_merges", "movements", "stock_pools")


async def open_lessons(db: Database) -> None:
    """One more German channel, and people who will buy; what is listed was shown long before."""
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE listings SET visible_from = '2020-01-01Z'"))
        await tx.execute(text("INSERT INTO channels VALUES ('app-de', 'online', 'de', 'App Germany')"))
        for person in range(PERSONS):
            await tx.execute(text(f"INSERT INTO customers (id, code) VALUES ('c{person}', 'c{person}')"))


async def load(db: Database, history: History) -> None:
    """Put a past in the place of the one before."""
    async with db.transaction() as tx:
        connection = (await (await tx.connection()).get_raw_connection()).driver_connection
        assert connection is not None
        forget = "; ".join(f"DELETE FROM {table}" for table in _CLEAR)
        await connection.execute(f"SET session_replication_role = replica; {forget}; RESET session_replication_role")
        await add(tx, history)


async def add(tx: Session, history: History) -> None:
    """Write a past down beside what is there."""
    people = {row.id: row.no for row in await tx.execute(text("SELECT id, no FROM customers"))}
    skus = {row.sku: row.no for row in await tx.execute(text("SELECT sku, no FROM variants"))}
    pools = sorted({(move.sku, move.location) for move in history.moves})
    sold = [
        (sale.at, sale.recorded_at, line.revenue, people.get(f"c{sale.customer}"), skus[line.sku], sale.day,
         line.quantity, n, sale.historic, False, sale.number, sale.channel, sale.store)
        for sale in history.sales for n, line in enumerate(sale.lines, 1)
    ]  # fmt: skip
    back = [
        (sale.at, one.happened_at, one.recorded_at, skus[line.sku], one.units, n, sale.historic, one.kind, sale.number,
         sale.channel, one.came_back_in)
        for sale in history.sales for n, line in enumerate(sale.lines, 1) for one in line.reductions
    ]  # fmt: skip
    supply = {pool: sum(move.units for move in history.moves if (move.sku, move.location) == pool) for pool in pools}
    await write(tx, [
        _SALES.rows(sold),
        _REDUCTIONS.rows(back),
        _POOLS.rows((f"{sku}@{at}", sku, at, units, max(0, -units)) for (sku, at), units in supply.items()),
        _MOVES.rows(
            (f"mov_{n}", f"{one.sku}@{one.location}", "corrected", one.units, "story", "story", one.at)
            for n, one in enumerate(history.moves)
        ),
        _MERGES.rows(
            (f"cmg_{n}", f"c{one.merged}", f"c{one.survivor}", "story", "story", one.at, {})
            for n, one in enumerate(history.merges)
        ),
    ])  # fmt: skip
