"""What others always take first: flagged in the dry run, and never got by anybody; whatever might be got is not."""

import re
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.promotions import taken
from pricing.promotions.reach import above, found_by_clause, landing
from pricing.promotions.rules import Definition
from pricing.promotions.taken import Other, takers_of_all
from pricing.rules import prepare, quote
from pricing.rules.basket import Basket
from pricing.rules.book import Book
from pricing.rules.promotion import Promotion
from pricing.rules.quoted import CannotQuote
from tests.books import NOON, STORES, WEB, promotion
from tests.conftest import Api, Callers, Json
from tests.engine_strategies import (
    AMOUNTS,
    DAY,
    SHARES,
    TIMES,
    a_basket,
    a_book,
    a_line,
    a_promotion,
    baskets,
    instants,
    seeds,
)
from tests.promoting import Desk, basket, open_desk, said

CASES: Json = {"items": {"categories": ["cases"]}}
HALF: Json = {"kind": "percent", "share": 5000}
TENTH: Json = {"kind": "percent", "share": 1000}


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers."""
    return await open_desk(db, clock, callers)


def told(seen: Json) -> list[tuple[str, str, str]]:
    """What is said of it."""
    return [(flag["level"], flag["clause"], flag["code"]) for flag in seen["flags"]]


ALWAYS_TAKEN, TAKEN = ("never", "lane", "always_taken"), ("warning", "lane", "taken_by_others")

Fields = dict[str, Any]
ALL_DAY: Fields = {"conditions": CASES, "lane": 0, "exclusive": True}
NOT_SURE: dict[str, tuple[Fields, Fields]] = {
    "it asks for a group": ({**ALL_DAY, "conditions": {**CASES, "groups": ["staff"]}}, {}),
    "it is for a store": ({**ALL_DAY, "conditions": {**CASES, "stores": ["berlin"]}}, {}),
    "it is counted": ({**ALL_DAY, "limits": {"total": 5}}, {}),
    "it stops at a cap": ({**ALL_DAY, "cap": 1000}, {}),
    "it stops at a floor": ({**ALL_DAY, "floor": {"minimum": 1000}}, {}),
    "it ends": ({**ALL_DAY, "ends_at": "2026-12-01T00:00:00Z"}, {}),
    "it is in one channel": ({**ALL_DAY, "conditions": {**CASES, "channels": ["web-de"]}}, {}),
    "it has fewer skus": (ALL_DAY, {"conditions": {"items": {"categories": ["accessories"]}}}),
    "it closes nothing": ({**ALL_DAY, "exclusive": False}, {}),
}


async def test_what_an_exclusive_one_always_takes_first_can_never_apply(desk: Desk, web: Api) -> None:
    """The quote proves it: once it is live nobody gets it."""
    first = await desk.live(HALF, name="Half", **ALL_DAY)
    drafted = await desk.drafted(TENTH, conditions=CASES, lane=1)
    seen = await desk.dry_run(drafted)
    live = await desk.live(TENTH, conditions=CASES, lane=1)
    quoted = said(await web.post("/v1/quotes", basket(("CASE-BLK", 3), explain=True)))

    assert (seen["can_apply"], told(seen)) == (False, [ALWAYS_TAKEN])
    assert seen["flags"][0]["reason"] == (
        f"Others always take first what it is about: Half ({first}), exclusive in lane 0."
    )
    assert [(one["id"], one["lane"], one["exclusive"], one["shared_skus"]) for one in seen["rivals"]] == [
        (first, 0, True, 1)
    ]
    assert [one["reason"] for one in quoted["promotions"] if one["promotion"] == live] == ["exclusive"]


async def test_a_twin_that_ranks_behind_can_never_apply_and_one_that_ranks_before_can(desk: Desk) -> None:
    await desk.live(HALF, conditions=CASES)
    behind = await desk.dry_run(await desk.drafted(HALF, conditions=CASES))
    before = await desk.dry_run(await desk.drafted(HALF, conditions=CASES, priority=1))
    better = await desk.dry_run(await desk.drafted({"kind": "percent", "share": 5100}, conditions=CASES))

    assert (behind["can_apply"], told(behind)) == (False, [ALWAYS_TAKEN])
    assert "ranks before it" in behind["flags"][0]["reason"]
    assert (before["can_apply"], told(before)) == (True, [])
    assert (better["can_apply"], told(better)) == (True, [])


@pytest.mark.parametrize("why", NOT_SURE)
async def test_what_might_be_left_for_it_is_not_flagged(desk: Desk, why: str) -> None:
    theirs, mine = NOT_SURE[why]
    await desk.live(HALF, **theirs)
    seen = await desk.dry_run(await desk.drafted(TENTH, **{"conditions": CASES, "lane": 1, **mine}))

    assert seen["can_apply"] is True
    assert ALWAYS_TAKEN not in told(seen)


async def test_where_no_single_unit_becomes_cheaper_it_is_said_who_takes_it(desk: Desk) -> None:
    """Half is better than a tenth for one unit; for whom the half is used up, the tenth is left."""
    rival = await desk.live(HALF, name="Few", conditions=CASES, limits={"total": 5})
    seen = await desk.dry_run(await desk.drafted(TENTH, conditions=CASES))
    elsewhere = await desk.dry_run(await desk.drafted(TENTH, conditions={"items": {"categories": ["accessories"]}}))

    assert (seen["can_apply"], told(seen), seen["examples"]) == (True, [TAKEN], [])
    assert f"Few ({rival})" in seen["flags"][0]["reason"]
    assert told(elsewhere) == []


async def test_what_is_not_decided_yet_takes_nothing_and_may_be_in_the_way(desk: Desk) -> None:
    await desk.approved(HALF, **ALL_DAY)
    alone = await desk.dry_run(await desk.drafted(TENTH, conditions=CASES, lane=1))
    await desk.live(HALF, **ALL_DAY)
    taken_twice = await desk.dry_run(await desk.drafted(TENTH, conditions=CASES, lane=1))
    await desk.approved({"kind": "percent", "share": 9000}, conditions=CASES)
    disturbed = await desk.dry_run(await desk.drafted(TENTH, conditions=CASES, lane=1))

    assert ALWAYS_TAKEN not in told(alone)
    assert told(taken_twice) == [ALWAYS_TAKEN]
    assert ALWAYS_TAKEN not in told(disturbed), "the better one would win the line, and closes nothing"


# The law: whatever is flagged is never got by anybody, in any basket.


def a_taker(seed: int, name: str) -> Promotion:
    """One that as a rule may always, and takes something off each unit."""
    dice = Random(seed)  # noqa: S311 - these dice decide about nobody's money
    benefit = dice.choice(
        [
            {"kind": "percent", "share": dice.choice([*SHARES, 10_000])},
            {"kind": "amount", "amount": dice.choice(AMOUNTS)},
            {"kind": "fixed_price", "price": dice.choice([0, *AMOUNTS])},
        ]
    )
    return promotion(
        name,
        benefit,
        conditions={"channels": dice.choice([[], [], [WEB]]), "groups": dice.choice([[], [], [], ["staff"]])},
        lane=dice.choice([0, 1, 1]),
        priority=dice.choice([0, 5]),
        exclusive=dice.random() < 0.7,
        cap=dice.choice([None, None, None, 10]),
        limited=dice.random() < 0.1,
        ends=dice.choice([None, None, *TIMES[5:]]),
    )


def flagged(book: Book, mine: Promotion) -> bool:
    """Whether others always take first what a promotion of a book is about."""
    over = above({one.code: one.parent for one in book.categories})
    lands_on = {
        one.id: landing(defined(one), found_by_clause(defined(one), book.items, over)) for one in book.promotions
    }
    others = [Other(one, lands_on[one.id], is_booked=True) for one in book.promotions if one.id != mine.id]
    channels = mine.conditions.channels or [STORES, WEB]
    prices = {
        channel: {} if channel == WEB and mine.conditions.stores else least(book, channel) for channel in channels
    }
    mine_alone = {
        channel: {sku: price for sku, price in found.items() if sku in lands_on[mine.id]}
        for channel, found in prices.items()
    }
    return takers_of_all(mine, others, mine_alone) is not None


def least(book: Book, channel: str) -> dict[str, int]:
    """The least that each sku may ever cost there."""
    found = {}
    for item in book.items:
        own = [price for one in item.channels if one.channel == channel for price in one.prices]
        found[item.sku] = min(price.amount for price in [*item.recommended, *own])
    return found


def defined(one: Promotion) -> Definition:
    """What a book says of it."""
    return Definition(**{name: getattr(one, name) for name in Definition.__struct_fields__})


def nobody_gets_what_is_flagged(
    mine: int, takers: list[int], others: list[int], world: int, asked: Basket, at: int
) -> bool:
    """True where it was flagged. Raises AssertionError where somebody gets it all the same."""
    running = [a_promotion(mine, "M"), *(a_promotion(seed, f"P{n}") for n, seed in enumerate(others))]
    running += [a_taker(seed, f"{'AZ'[n % 2]}{n}") for n, seed in enumerate(takers)]
    book = a_book(world, sorted(running, key=lambda one: one.id))
    if not flagged(book, running[0]):
        return False
    try:
        priced = quote(prepare(book), asked, at)
    except CannotQuote:
        return True
    assert not any(one.applied for one in priced.verdicts if one.promotion == "M"), running[0]
    return True


@settings(max_examples=1500, deadline=None)
@given(
    mine=seeds,
    takers=st.lists(seeds, min_size=1, max_size=3),
    others=st.lists(seeds, max_size=2),
    world=seeds,
    asked=baskets(),
    at=st.one_of(instants, st.integers(NOON, NOON + DAY)),
)
def test_nobody_gets_what_is_flagged(**world: Any) -> None:  # noqa: ANN401 - what the law is asked about
    nobody_gets_what_is_flagged(**world)


def a_world(number: int) -> Fields:
    """The same as above, and the same one each time."""
    dice = Random(number)  # noqa: S311 - as above

    def some(least_of_all: int, most: int) -> list[int]:
        return [dice.getrandbits(48) for _ in range(dice.randint(least_of_all, most))]

    asked = [a_line(seed, f"line-{n}") for n, seed in enumerate(some(1, 6))]
    return {
        "mine": dice.getrandbits(48),
        "takers": some(1, 3),
        "others": some(0, 2),
        "world": dice.getrandbits(48),
        "asked": a_basket(dice.getrandbits(48), asked),
        "at": dice.choice([*TIMES[3:], NOON + dice.randrange(DAY)]),
    }


def test_in_some_worlds_something_is_flagged() -> None:
    assert sum(nobody_gets_what_is_flagged(**a_world(number)) for number in range(1000)) > 50, "or nothing is shown"


WRONG: dict[str, tuple[str, Any]] = {
    "whoever asks for something always may": ("_always_may", lambda _: True),
    "rank means nothing": ("_rank", lambda one: (0, "" if one.id != "M" else "~")),
    "whatever saves is enough": ("takes_no_less", lambda _its, _mine: True),
    "nobody is ever in the way": ("_disturbed", lambda _its, _here: False),
    "it runs for ever": ("_outlasts", lambda _its, _mine: True),
    "it sells everywhere": ("_sells_in", lambda _conditions, _channel: True),
    "the price means nothing": ("_saves", lambda _benefit, _price: True),
}


WORLDS = 30_000
"""More than three times as many as it takes to catch any of them."""


@pytest.mark.parametrize("wrong", WRONG)
def test_the_law_catches_who_flags_too_much(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, broken = WRONG[wrong]
    monkeypatch.setattr(taken, name, broken)

    def law() -> None:
        for number in range(WORLDS):
            nobody_gets_what_is_flagged(**a_world(number))

    with pytest.raises(AssertionError, match=re.escape("Promotion(id='M'")):
        law()
