"""A made-up past of a brand with shops in four markets, always the same: who bought what, where, when, and gave back.

Three years, skewed as pasts are: few skus sell most, a December is twice a February, Saturdays are full and nights
are not, some people come every week and most never again, and who bought a phone comes back for a case. Everything is
drawn in the market's own calendar and only then turned into instants, so that the day of an order is known here
without anybody's arithmetic. `attach_files` writes it down.
"""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

SEED = 20_260_331
FIRST_DAY = date(2023, 4, 1)
DAYS = 1096
"""To the end of March 2026: three years, one of them a leap year, with ten changes of the clock in each market."""

CUSTOMERS_PER_ORDER = 0.3
HOUSE_SHARE, GUEST_SHARE, FOLLOW_UP_SHARE = 0.01, 0.2, 0.12
CANCELLED_SHARE, RETURNED_SHARE, DISCOUNTED_SHARE, ABROAD_SHARE, ONLINE_SHARE = 0.03, 0.03, 0.1, 0.03, 0.6
HOUSE = 0
"""The customer whom a store rings up whatever its walk-in buyers take, without asking for their names."""

GUEST = -1
NO_STORE = -1
HOUR, DAY = 3600, 86_400

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float64]


class Market(NamedTuple):
    """A market, its share of the sales, and its stores; the tax is in the price or comes on top."""

    code: str
    currency: str
    zone: str
    tax_percent: int
    share: float
    stores: int
    tax_included: bool = True


MARKETS = (
    Market("de", "EUR", "Europe/Berlin", 19, 0.4, 24),
    Market("gb", "GBP", "Europe/London", 20, 0.2, 12),
    Market("us", "USD", "America/New_York", 8, 0.3, 20, tax_included=False),
    Market("au", "AUD", "Australia/Sydney", 10, 0.1, 6),
)
CHANNELS = tuple(f"{kind}-{market.code}" for market in MARKETS for kind in ("online", "retail"))
"""Two for each market, in their order: channel 2n is the n-th market's online one, 2n + 1 its stores."""

STORES = tuple((place, f"store-{market.code}-{n:02}") for place, market in enumerate(MARKETS)
               for n in range(market.stores))  # fmt: skip
"""Each with the place of its market."""


class Leaf(NamedTuple):
    """A category that has skus: how many of a thousand, and at what price in hundredths.

    Then its weight as the first line of a basket, beside a phone, beside anything else, and when somebody comes back.
    """

    code: str
    parent: str
    skus: int
    price: int
    first: int
    beside_phone: int
    beside: int
    again: int


BRANCHES = {"phones": "", "accessories": "", "cases": "accessories", "power": "accessories", "home": "", "worn": ""}
"""The categories above, each with the one that it is in."""

LEAVES = (
    Leaf("phones-flagship", "phones", 40, 99_900, 10, 1, 1, 2),
    Leaf("phones-middle", "phones", 40, 49_900, 11, 1, 1, 2),
    Leaf("phones-entry", "phones", 20, 19_900, 8, 1, 1, 2),
    Leaf("cases-clear", "cases", 90, 1_990, 3, 16, 2, 14),
    Leaf("cases-leather", "cases", 90, 3_990, 1, 8, 1, 7),
    Leaf("cases-rugged", "cases", 50, 2_990, 1, 5, 1, 5),
    Leaf("screen-glass", "accessories", 90, 1_490, 4, 22, 6, 14),
    Leaf("straps", "accessories", 110, 2_990, 6, 2, 13, 9),
    Leaf("chargers", "power", 60, 2_990, 7, 16, 9, 10),
    Leaf("cables", "power", 80, 1_290, 7, 9, 17, 10),
    Leaf("power-banks", "power", 40, 3_990, 5, 5, 7, 6),
    Leaf("watches", "worn", 50, 24_900, 9, 3, 5, 4),
    Leaf("earbuds", "worn", 60, 9_990, 11, 7, 8, 6),
    Leaf("speakers", "home", 40, 5_990, 4, 1, 6, 2),
    Leaf("sensors", "home", 60, 1_990, 5, 1, 10, 3),
    Leaf("bulbs", "home", 80, 1_290, 8, 2, 12, 4),
)
PHONES = tuple(place for place, leaf in enumerate(LEAVES) if leaf.parent == "phones")

MONTHS = (0.9, 0.8, 0.95, 0.9, 1.0, 0.95, 0.95, 1.0, 1.2, 1.05, 1.4, 1.6)
WEEKDAYS = (0.9, 0.85, 0.9, 1.0, 1.2, 1.5, 0.9)
ONLINE_HOURS = (3, 2, 1, 1, 1, 1, 2, 4, 5, 6, 6, 6, 7, 6, 6, 6, 6, 7, 8, 10, 11, 10, 7, 5)
STORE_HOURS = (*[0] * 9, 2, 5, 7, 8, 8, 7, 8, 9, 11, 11, 7, *[0] * 4)


class Orders(NamedTuple):
    """Orders in the order of their instants; `day` is counted from FIRST_DAY in the market's calendar."""

    channel: Ints
    store: Ints
    customer: Ints
    placed_at: Ints
    """Whole seconds since 1970. In stores whole minutes, and the house account's quarters of an hour: they coincide."""
    day: Ints
    cancelled: Flags


class Lines(NamedTuple):
    """Lines in the order of their orders, which they name by place; amounts are in hundredths."""

    order: Ints
    line: Ints
    sku: Ints
    quantity: Ints
    unit_price: Ints
    discount: Ints
    tax: Ints


class Returns(NamedTuple):
    """What came back, in that order; lines are named by place."""

    line: Ints
    quantity: Ints
    returned_at: Ints


class History(NamedTuple):
    """All of it. A sku is a place in `leaf_of` (its category) and `price_of`."""

    customers: int
    leaf_of: Ints
    price_of: Ints
    orders: Orders
    lines: Lines
    returns: Returns


class _Baskets(NamedTuple):
    """Orders before they are put in order: what their first line is of, and 1 if somebody came back for it, or 0."""

    channel: Ints
    customer: Ints
    day: Ints
    leaf: Ints
    again: Ints


def make(orders: int) -> History:
    """So many orders, with two and a half lines each on the average, and all that belongs to them."""
    dice = np.random.default_rng(SEED)
    customers = max(10, round(orders * CUSTOMERS_PER_ORDER))
    leaf_of, price_of = _assortment(dice, max(len(LEAVES) * 4, min(3_000, orders // 20)))
    first = _first_baskets(dice, orders - round(orders * FOLLOW_UP_SHARE), customers)
    again = _follow_ups(dice, first, round(orders * FOLLOW_UP_SHARE))
    baskets = _Baskets(*(np.concatenate(both) for both in zip(first, again, strict=True)))
    placed_at = _instants(dice, baskets)
    order = np.argsort(placed_at, kind="stable")
    baskets = _Baskets(*(column[order] for column in baskets))
    made = Orders(
        channel=baskets.channel,
        store=_stores(dice, baskets),
        customer=baskets.customer,
        placed_at=placed_at[order],
        day=baskets.day,
        cancelled=dice.random(orders) < CANCELLED_SHARE,
    )
    lines = _lines(dice, baskets, leaf_of, price_of)
    return History(customers, leaf_of, price_of, made, lines, _returns(dice, made, lines))


def _assortment(dice: np.random.Generator, skus: int) -> tuple[Ints, Ints]:
    """The category and the price of each sku; those of a category lie together."""
    counts = [max(2, skus * leaf.skus // 1000) for leaf in LEAVES]
    leaf_of = np.repeat(np.arange(len(LEAVES)), counts)
    base = np.array([leaf.price for leaf in LEAVES])[leaf_of]
    return leaf_of, base * dice.integers(70, 131, len(leaf_of)) // 100


def _first_baskets(dice: np.random.Generator, count: int, customers: int) -> _Baskets:
    """Orders for their own sake, of people who are in their market, and some who travel."""
    weight = np.minimum(dice.pareto(1.3, customers) + 1, 300)
    customer = _drawn(dice, weight, count)
    luck = dice.random(count) * (1 - FOLLOW_UP_SHARE)  # Neither of them ever comes back.
    customer[luck < GUEST_SHARE + HOUSE_SHARE] = HOUSE
    customer[luck < GUEST_SHARE] = GUEST
    home = _drawn(dice, [market.share for market in MARKETS], customers)
    market = home[customer]
    anywhere = (customer == GUEST) | (dice.random(count) < ABROAD_SHARE)
    market[anywhere] = _drawn(dice, [market.share for market in MARKETS], int(anywhere.sum()))
    in_store = dice.random(count) >= ONLINE_SHARE
    market[customer == HOUSE], in_store[customer == HOUSE] = 0, True
    return _Baskets(
        channel=2 * market + in_store,
        customer=customer,
        day=_drawn(dice, _day_weights(), count),
        leaf=_drawn(dice, [leaf.first for leaf in LEAVES], count),
        again=np.zeros(count, np.int64),
    )


def _follow_ups(dice: np.random.Generator, first: _Baskets, count: int) -> _Baskets:
    """Orders of customers who were there before: days or months later, mostly after a phone, often elsewhere."""
    known = np.flatnonzero(first.customer > HOUSE)
    bought_phone = np.isin(first.leaf[known], PHONES)
    parent = known[_drawn(dice, np.where(bought_phone, 4, 1), count)]
    soon = dice.random(count) < 0.65
    delay = np.where(soon, dice.exponential(9, count), dice.exponential(90, count)).astype(np.int64)
    left = DAYS - 1 - first.day[parent]
    elsewhere = dice.random(count) < 0.3
    return _Baskets(
        channel=first.channel[parent] ^ elsewhere,
        customer=first.customer[parent],
        day=first.day[parent] + np.where(delay <= left, delay, 0),
        leaf=_drawn(dice, [leaf.again for leaf in LEAVES], count),
        again=np.ones(count, np.int64),
    )


def _day_weights() -> Shares:
    """A business that grows by half in three years, with its seasons and its weeks."""
    days = [FIRST_DAY + timedelta(n) for n in range(DAYS)]
    seasons = np.array([MONTHS[day.month - 1] * WEEKDAYS[day.weekday()] for day in days])
    return seasons * np.linspace(1, 1.5, DAYS)


def _instants(dice: np.random.Generator, baskets: _Baskets) -> Ints:
    """When each was placed: a time of day on its day, as the clocks of its market go."""
    in_store = baskets.channel % 2 == 1
    hour = np.where(in_store, _drawn(dice, STORE_HOURS, len(in_store)), _drawn(dice, ONLINE_HOURS, len(in_store)))
    second = dice.integers(0, HOUR, len(in_store))
    step = np.where(baskets.customer == HOUSE, HOUR // 4, np.where(in_store, 60, 1))
    second = second // step * step
    offsets = np.array([_offsets(market.zone) for market in MARKETS])
    epoch = (FIRST_DAY - date(1970, 1, 1)).days
    ahead = offsets[baskets.channel // 2, baskets.day, hour]
    instants: Ints = (epoch + baskets.day) * DAY + hour * HOUR + second - ahead
    return instants


def _offsets(zone: str) -> list[list[int]]:
    """Seconds ahead of UTC for each hour of each day; what the clock skips is counted as before it was set."""
    where, midnight = ZoneInfo(zone), datetime.combine(FIRST_DAY, datetime.min.time(), UTC)
    hours = [[midnight + timedelta(days=day, hours=hour) for hour in range(24)] for day in range(DAYS)]
    return [[int((at.replace(tzinfo=where).utcoffset() or timedelta()).total_seconds()) for at in day] for day in hours]


def _stores(dice: np.random.Generator, baskets: _Baskets) -> Ints:
    """The store of each retail order; a market's first sells the most, and the house account is of the very first."""
    store = np.full(len(baskets.channel), NO_STORE)
    for place in range(len(MARKETS)):
        there = baskets.channel == 2 * place + 1
        stores = [n for n, (market, _) in enumerate(STORES) if market == place]
        store[there] = np.array(stores)[_drawn(dice, _zipf(len(stores)), int(there.sum()))]
    store[baskets.customer == HOUSE] = 0
    return store


def _lines(dice: np.random.Generator, baskets: _Baskets, leaf_of: Ints, price_of: Ints) -> Lines:
    sizes = dice.choice([1, 2, 3, 4, 5], len(baskets.leaf), p=[0.25, 0.3, 0.25, 0.12, 0.08])
    order = np.repeat(np.arange(len(sizes)), sizes)
    line = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1
    leaf = _leaves(dice, baskets, order, line)
    sku = np.zeros_like(order)
    for place in range(len(LEAVES)):
        there, of_it = leaf == place, np.flatnonzero(leaf_of == place)
        sku[there] = of_it[_drawn(dice, _zipf(len(of_it)), int(there.sum()))]
    quantity = _drawn(dice, [0, 88, 9, 3], len(sku))
    quantity[np.isin(leaf, PHONES) & (dice.random(len(sku)) < 0.8)] = 1
    total = quantity * price_of[sku]
    discount = np.where(dice.random(len(sku)) < DISCOUNTED_SHARE, total // 10, 0)
    market = baskets.channel[order] // 2
    percent, included = (np.array([(m.tax_percent, m.tax_included) for m in MARKETS]).T)[:, market]
    tax = (total - discount) * percent // (100 + percent * included)
    return Lines(order, line, sku, quantity, price_of[sku], discount, tax)


def _leaves(dice: np.random.Generator, baskets: _Baskets, order: Ints, line: Ints) -> Ints:
    """What each line is of, which depends on what the basket began with."""
    leaf: Ints = baskets.leaf[order]
    again, phone, further = baskets.again[order] == 1, np.isin(leaf, PHONES), line > 1
    for rows, weights in (
        (further & again, [one.again for one in LEAVES]),
        (further & ~again & phone, [one.beside_phone for one in LEAVES]),
        (further & ~again & ~phone, [one.beside for one in LEAVES]),
    ):
        leaf[rows] = _drawn(dice, weights, int(rows.sum()))
    return leaf


def _returns(dice: np.random.Generator, orders: Orders, lines: Lines) -> Returns:
    """What came back within weeks: some of the units of a line, and of some lines more units another time."""
    kept = ~orders.cancelled[lines.order]
    line = np.flatnonzero(kept & (dice.random(len(kept)) < RETURNED_SHARE))
    quantity = dice.integers(1, lines.quantity[line] + 1)
    rest = lines.quantity[line] - quantity
    twice = (rest > 0) & (dice.random(len(line)) < 0.5)
    line, quantity = np.concatenate([line, line[twice]]), np.concatenate([quantity, rest[twice]])
    delay = dice.integers(HOUR, 45 * DAY, len(line))
    returned_at = orders.placed_at[lines.order[line]] + delay
    order = np.argsort(returned_at, kind="stable")
    return Returns(line[order], quantity[order], returned_at[order])


def _zipf(count: int) -> Shares:
    weights: Shares = 1 / np.arange(1, count + 1)
    return weights


def _drawn(dice: np.random.Generator, weights: npt.ArrayLike, count: int) -> Ints:
    """Places drawn by weight."""
    shares = np.asarray(weights, dtype=np.float64)
    return dice.choice(len(shares), count, p=shares / shares.sum()).astype(np.int64)
