"""The guard matters: among hundreds of pairs that mean nothing, chance alone makes dozens look as if they did.

So do markets with skus of their own, full orders, and customers who buy often, unless they are part of the chance.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from random import Random
from statistics import mean

import numpy as np
import pytest

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from orders.reports.discovery.asked import PairSort
from orders.reports.discovery.blind import Blind
from orders.reports.discovery.chance import Share, at_least, guarded, holds
from orders.reports.discovery.judge import judge
from orders.reports.discovery.lines import OrderLines
from orders.reports.discovery.pairs import Shape, Tally, count_orders
from tests.attach_loading import load
from tests.attach_world import Variant
from tests.baskets import Basket, past
from tests.conftest import Api, Callers, Json

SKUS = [f"S{number:02}" for number in range(30)]
VARIANTS = [Variant(sku, f"product-{sku}", "phones") for sku in SKUS]
ORDERS = 1500
ALL: Json = {"level": "sku", "min_support": 1, "min_lift": "0", "sort": "lift", "limit": 200}
POPULAR = {"S00": 0.6, "S01": 0.4, "S02": 0.2, "S03": 0.1, "S04": 0.1, "S05": 0.1}

World = Callable[[Random], Iterator[Basket]]


@pytest.fixture
async def analyst(callers: Callers) -> Api:
    """Somebody who may look at figures."""
    return await callers(Role.ANALYST)


def dice_of(seed: int) -> Random:
    """Dice that always fall the same."""
    return Random(seed)  # noqa: S311 - nothing here is secret


def independent(seed: int) -> list[Basket]:
    """Orders in which each sku is or is not, whatever else is in them."""
    dice = dice_of(seed)
    often = {sku: dice.uniform(0.05, 0.3) for sku in SKUS}
    wanted = ([sku for sku in SKUS if dice.random() < often[sku]] for _ in range(ORDERS))
    return [Basket(" ".join(skus)) for skus in wanted if skus]


def own_skus(dice: Random) -> Iterator[Basket]:
    """Two markets, of which each sells skus of its own, and all of them alike."""
    for _ in range(800):
        for skus, channel in ((SKUS[:6], "online-de"), (SKUS[6:12], "online-us")):
            if wanted := [sku for sku in skus if dice.random() < 0.3]:
                yield Basket(" ".join(wanted), channel=channel)


def own_channels(dice: Random) -> Iterator[Basket]:
    """One market that sells some skus online, and others in stores."""
    for basket in own_skus(dice):
        yield Basket(basket.skus, channel=basket.channel.replace("online-us", "retail-de"))


def mixed_sizes(dice: Random) -> Iterator[Basket]:
    """Nine orders of ten have one sku, the others six; all skus are alike."""
    for _ in range(4000):
        yield Basket(" ".join(dice.sample(SKUS[:20], 1 if dice.random() < 0.9 else 6)))


def few_and_popular(dice: Random) -> Iterator[Basket]:
    """A few things of which some are in most orders, in each whatever else is in it."""
    for _ in range(4000):
        if wanted := [sku for sku, often in POPULAR.items() if dice.random() < often]:
            yield Basket(" ".join(wanted))


async def rows_of(analyst: Api, **asked: object) -> list[Json]:
    """All rows of all pages."""
    rows: list[Json] = []
    cursor: Json = {}
    while True:
        answer = await analyst.get("/v1/reports/attach-pairs", **{**ALL, **asked}, **cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        rows += page["rows"]
        if page["next_cursor"] is None:
            return rows
        cursor = {"cursor": page["next_cursor"]}


def worth(rows: list[Json]) -> set[tuple[str, str]]:
    """The pairs that are worth a program."""
    return {(row["anchor"], row["attach"]) for row in rows if row["worth_a_program"]}


async def test_without_the_guard_chance_is_full_of_discoveries(db: Database, analyst: Api) -> None:
    await load(db, past(independent(1), VARIANTS))

    rows = await rows_of(analyst)

    assert len(rows) == 2 * 435
    assert len([row for row in rows if float(row["p"]) <= 0.05]) >= 10
    assert worth(rows) == set()


def test_in_one_of_twenty_worlds_without_any_pair_the_guard_lets_one_through_and_without_it_all_have_some() -> None:
    """What Benjamini and Hochberg promise where there is nothing to find: an answer of nothing, 95 times of 100."""
    without, with_guard = [], []
    for seed in range(100):
        chances = chances_of(independent(seed))
        without.append(int((chances <= 0.05).sum()))
        with_guard.append(int(holds(guarded(chances, len(chances))).sum()))

    assert min(without) >= 1
    assert len([number for number in with_guard if number]) <= 5


def test_what_is_surely_a_little_more_than_chance_vouches_for_nothing_that_only_looks_like_much_more() -> None:
    """Two tastes, a hundred pairs that are real and hardly any lift; and things that mean nothing, seldom together.

    The twin guards them all and picks the high ones afterwards: what it picks is chance, world after world.
    """
    picked, found = [], []
    for seed in range(20):
        orders = two_tastes(seed)
        everything, high = (
            judge(orders, followed=False, support=20, lift=Decimal(lift), sort=PairSort.LIFT) for lift in ("0", "1.2")
        )
        picked.append(int((holds(everything.guarded) & (everything.lift >= 1.2)).sum()))
        found.append(high.worth)
        assert everything.tests == high.tests
        assert everything.worth > 100, "those that are real are found where they are asked for"

    assert len([number for number in picked if number]) >= 10
    assert len([number for number in found if number]) <= 1


def two_tastes(seed: int) -> Tally:
    """Twenty things of which each is more to the taste of half of all, and forty that are in one order of twenty."""
    dice = np.random.default_rng(seed)
    taste, often = dice.random(20_000) < 0.5, np.full((20_000, 60), 0.05)
    often[:, :20] = np.where(taste[:, None] == (np.arange(20) < 10), 0.65, 0.35)
    order, thing = np.nonzero(dice.random(often.shape) < often)
    tally = Tally(Shape(1, 61, np.zeros(1, "i8")))
    count_orders(tally, OrderLines(order + 1, thing + 1, np.zeros(len(order), "i8"), np.ones(len(order), "i8")))
    return tally


def chances_of(baskets: list[Basket]) -> Share:
    """The chance of every pair."""
    held = np.array([[sku in basket.skus for sku in SKUS] for basket in baskets], "i8")
    both, (one, other) = held.T @ held, np.triu_indices(len(SKUS), 1)
    sizes = np.bincount(held.sum(axis=1))
    number = np.arange(len(sizes))
    return at_least(
        both[one, other], Blind(held.sum(axis=0), sizes, (number * (number - 1) * sizes).astype("f8")).of(one, other)
    )


async def test_what_was_planted_is_found_and_nothing_else(db: Database, analyst: Api) -> None:
    baskets = [*independent(1), *[Basket("S03 S17")] * 60]
    await load(db, past(baskets, VARIANTS))

    rows = await rows_of(analyst)

    found = [row for row in rows if row["worth_a_program"]]
    assert worth(rows) == {("S03", "S17"), ("S17", "S03")}
    assert max(float(row["q"]) for row in found) < 1e-2
    assert len([row for row in rows if float(row["p"]) <= 0.05]) >= 10


@pytest.mark.parametrize("world", [own_skus, own_channels, mixed_sizes, few_and_popular])
async def test_neither_assortments_nor_full_orders_make_a_pair_and_what_was_planted_there_is_found(
    db: Database, analyst: Api, world: World
) -> None:
    baskets = [*world(dice_of(2))]
    await load(db, past(baskets, VARIANTS))
    blind = await rows_of(analyst)
    await load(db, past([*baskets, *[Basket("S03 S04")] * 120], VARIANTS))
    planted = await rows_of(analyst, min_lift="1.2")

    assert worth(blind) == set()
    assert worth(planted) == {("S03", "S04"), ("S04", "S03")}


async def test_a_plain_lift_is_fooled_where_the_adjusted_one_is_not(db: Database, analyst: Api) -> None:
    await load(db, past(own_skus(dice_of(2)), VARIANTS))
    markets = await rows_of(analyst)
    await load(db, past(mixed_sizes(dice_of(2)), VARIANTS))
    sizes = await rows_of(analyst)

    for rows in (markets, sizes):
        assert mean(float(row["lift"]) for row in rows) > 1.4
        assert 0.97 < mean(float(row["adjusted_lift"]) for row in rows) < 1.03


@pytest.mark.parametrize("later_only", ["false", "true"])
async def test_who_buys_often_and_what_is_bought_again_make_no_pair_of_customers(
    db: Database, analyst: Api, later_only: str
) -> None:
    """Customers come once or up to nine times, and in each order is what there happens to be, some of it often."""
    dice = dice_of(3)
    often = {**POPULAR, **dict.fromkeys(SKUS[6:12], 0.05)}
    baskets = []
    for who in range(900):
        for _ in range(dice.choice((1, 1, 1, 3, 9))):
            wanted = [sku for sku, share in often.items() if dice.random() < share]
            channel = dice.choice(("online-de", "retail-de"))
            baskets += [Basket(" ".join(wanted), f"{who}", channel, day=dice.randrange(200))] if wanted else []
    asked: Json = {"basis": "customers", "window_days": 30, "later_only": later_only}
    planted = [Basket(SKUS[7 + n], f"{who}", day=n) for who in range(1000, 1050) for n in range(2)]

    await load(db, past(sorted(baskets, key=lambda one: one.day), VARIANTS))
    blind = await rows_of(analyst, **asked, min_support=20)
    await load(db, past(sorted([*baskets, *planted], key=lambda one: one.day), VARIANTS))
    with_it = await rows_of(analyst, **asked, min_support=20, min_lift="1.2")

    assert len(blind) > 30
    assert worth(blind) == set()
    assert worth(with_it) == {("S07", "S08")}
