"""Lessons over random small pasts: always what the plain recomputation says, which would say so of no other rules."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests import naive_cohorts, naive_lessons, naive_tail
from tests.conftest import Api, Callers, Json
from tests.lesson_history import (
    BEGIN,
    CHANNELS,
    END,
    LOCATIONS,
    History,
    Line,
    Listing,
    Params,
    Reduction,
    Said,
    Sale,
    world,
)
from tests.lesson_loading import load, open_lessons
from tests.naive_lessons import words
from tests.shop import open_shop

WORLDS = range(200)
seeds = st.integers(len(WORLDS), 2**32)
few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Each example clears the tables that the one before has filled."""

NAIVE: dict[str, Callable[[History, Params], list[Json]]] = {
    "sell-through": naive_lessons.sell_through,
    "returns": naive_lessons.returns,
    "repeat-purchase": naive_cohorts.repeat_purchase,
    "customer-revenue": naive_cohorts.customer_revenue,
    "sku-tail": naive_tail.sku_tail,
}


@pytest.fixture
async def analyst(db: Database, clock: SetClock, callers: Callers) -> Api:
    """Somebody who asks, in a shop with a German app, long after everything."""
    await open_shop(db, books=False)
    await open_lessons(db)
    clock.set(END)
    return await callers(Role.ANALYST)


async def rows(analyst: Api, report: str, asked: Params) -> list[Json]:
    """What is answered, all pages of it."""
    found: list[Json] = []
    cursor: Params = {}
    while True:
        answer = await analyst.get(f"/v1/reports/{report}", **asked, **cursor)
        assert answer.status_code == 200, answer.text
        found += answer.json()["rows"]
        if answer.json()["next_cursor"] is None:
            return found
        cursor = {"cursor": answer.json()["next_cursor"]}


def in_order(report: str, found: list[Json]) -> list[Json]:
    """Rows as they are answered: by their figures, then by their words."""
    most: dict[str, Callable[[Json], tuple[int, ...]]] = {
        "sell-through": lambda row: (-row["units"], -row["demand"]),
        "returns": lambda row: (-row["returned"], -row["sold"]),
        "sku-tail": lambda row: (row["units"], -_age(row)),
    }
    if report not in most:
        return found
    return sorted(found, key=lambda row: (most[report](row), words(row) if "group" in row else row["sku"]))


def _age(row: Json) -> int:
    age = row["days_since_last_sale"]
    return 10**6 if age is None else int(age)


async def must_equal(db: Database, analyst: Api, report: str, seed: int) -> None:
    """The answer to a world's question is that of the plain recomputation."""
    history, asked = world(report, seed)
    await load(db, history)
    assert await rows(analyst, report, asked) == in_order(report, NAIVE[report](history, asked)), (history, asked)


@pytest.mark.parametrize("report", NAIVE)
async def test_every_figure_is_that_of_the_plain_recomputation(db: Database, analyst: Api, report: str) -> None:
    for seed in WORLDS:
        await must_equal(db, analyst, report, seed)


@few
@given(st.sampled_from(sorted(NAIVE)), seeds)
async def test_in_other_worlds_too(db: Database, analyst: Api, report: str, seed: int) -> None:
    await must_equal(db, analyst, report, seed)


async def test_the_ranks_are_the_other_way_round(db: Database, analyst: Api) -> None:
    for seed in WORLDS[:20]:
        history, asked = world("sku-tail", seed)
        await load(db, history)
        assert await rows(analyst, "sku-tail", asked | {"sort": "rank"}) == naive_tail.sku_tail(history, asked)


# That they would notice

Spoil = Callable[[History, Params], tuple[History, Params]]


def of_sales(change: Callable[[Sale], Sale]) -> Spoil:
    """Another past of the same sales."""
    return lambda history, asked: (replace(history, sales=tuple(map(change, history.sales))), asked)


def of_reductions(change: Callable[[Reduction], list[Reduction]]) -> Spoil:
    """Another past of what became of lines."""

    def changed(line: Line) -> Line:
        return replace(line, reductions=tuple(one for some in line.reductions for one in change(some)))

    return of_sales(lambda sale: replace(sale, lines=tuple(map(changed, sale.lines))))


def of_listings(change: Callable[[Listing], Listing]) -> Spoil:
    """Another past of where things are listed."""
    return lambda history, asked: (replace(history, listings=tuple(map(change, history.listings))), asked)


def everywhere(history: History) -> tuple[Listing, ...]:
    """Everything listed in every channel, long ago."""
    said = (Said(None, BEGIN - timedelta(days=4000), None, BEGIN - timedelta(days=4000)),)
    return tuple(
        Listing(channel, sku, recorded_at=None, historic=False, said=said)
        for sku in history.came
        for channel in CHANNELS
    )


def without(*names: str) -> Spoil:
    """A question in which this was not said."""
    return lambda history, asked: (history, {name: said for name, said in asked.items() if name not in names})


CARELESS: dict[str, tuple[str, Spoil]] = {
    "what came back is sold all the same": ("repeat-purchase", of_reductions(lambda _: [])),
    "what was cancelled came back": ("returns", of_reductions(lambda one: [replace(one, kind="returned")])),
    "it is the same where it came back": ("returns", of_reductions(lambda one: [replace(one, came_back_in=None)])),
    "a return is known when it happens": (
        "customer-revenue", of_reductions(lambda one: [replace(one, recorded_at=one.happened_at)])
    ),
    "a sale is known when it happens": ("sell-through", of_sales(lambda one: replace(one, recorded_at=one.at))),
    "an imported sale is known when it is imported": (
        "sell-through", of_sales(lambda one: replace(one, historic=False))
    ),
    "nobody turns out to be somebody else": ("repeat-purchase", lambda h, asked: (replace(h, merges=()), asked)),
    "it was always known who is who": (
        "repeat-purchase",
        lambda h, asked: (replace(h, merges=tuple(replace(one, at=BEGIN) for one in h.merges)), asked),
    ),
    "guests are one person": (
        "repeat-purchase", of_sales(lambda one: replace(one, customer=0 if one.customer is None else one.customer))
    ),
    "of two orders at one instant the other is first": (
        "customer-revenue", of_sales(lambda one: replace(one, number=f"N-{9 - int(one.number[2:])}"))
    ),
    "stock was there from the beginning": (
        "sell-through", lambda h, asked: (replace(h, moves=tuple(replace(one, at=BEGIN) for one in h.moves)), asked)
    ),
    "what is promised is there for anybody": ("sell-through", lambda h, asked: (replace(h, holds=()), asked)),
    "what is promised can still be bought": ("sku-tail", lambda h, asked: (replace(h, holds=()), asked)),
    "what is collected is shipped": (
        "sell-through",
        of_sales(lambda one: one if one.channel.startswith("retail") else replace(one, store=None)),
    ),
    "everything is listed everywhere": ("sku-tail", lambda h, asked: (replace(h, listings=everywhere(h)), asked)),
    "listings always said what they say now": (
        "sku-tail", of_listings(lambda one: replace(one, said=one.said[-1:]))
    ),
    "what was listed was listed always": ("sku-tail", of_listings(lambda one: replace(one, recorded_at=None))),
    "what is shown may be bought": (
        "sku-tail",
        of_listings(lambda one: replace(one, said=tuple(replace(some, certified_from=BEGIN) for some in one.said))),
    ),
    "the catalog always knew everything": ("sku-tail", lambda h, asked: (replace(h, came={}), asked)),
    "what was believed does not matter to sales": ("returns", without("believed_at")),
    "what was believed does not matter to stock": ("sell-through", without("believed_at")),
    "what was known then does not matter": ("sku-tail", without("as_of")),
    "the period does not matter to cohorts": ("customer-revenue", without("from", "to")),
    "the store does not matter": ("sku-tail", without("store")),
    "the channel does not matter to first orders": ("repeat-purchase", without("channel", "channel_kind")),
    "the set does not matter to the demand": ("sell-through", without("of")),
}  # fmt: skip
"""Who thinks so would answer as if this were the past, or the question."""


def filtered_first(eyes: naive_lessons.Eyes, anchor: set[str]) -> list[list[naive_lessons.Known]]:
    """Everybody's orders since the first anchor that the filters leave."""
    people: dict[int, list[naive_lessons.Known]] = {}
    for line in sorted(eyes.lines(), key=lambda line: line.order):
        if line.customer is not None and line.units > 0:
            people.setdefault(line.customer, []).append(line)
    found = []
    for mine in people.values():
        begins = next((line.order for line in mine if line.sku in anchor and eyes.has(line.sale)), None)
        if begins is not None:
            found.append([line for line in mine if line.order >= begins])
    return found


WRONG: dict[str, tuple[str, object, str, object]] = {
    "parts are rounded down": (
        "returns", naive_lessons.Known, "worth", lambda self, units: self.revenue * units // self.quantity
    ),
    "days are those of Greenwich": ("repeat-purchase", Sale, "day", property(lambda self: self.at.date())),
    "a window is over on its last day": (
        "repeat-purchase", naive_lessons.Eyes, "over", lambda self, market, last: last <= self.today(market)
    ),
    "what happens at the as-of is not known yet": ("returns", naive_lessons, "INSTANT", timedelta(0)),
    "stock is what it was at the as-of": ("sell-through", naive_lessons, "end_of", lambda *_: END),
    "a store sold what is collected there": (
        "returns", naive_lessons.Eyes, "sells_there",
        lambda self, channel: self.asked.get("store") is None or channel.endswith(LOCATIONS[self.asked["store"]][1]),
    ),
    "what is lacking in one place is missing in another": ("sell-through", naive_lessons, "left", lambda units: units),
    "a first order is the first that the filters leave": (
        "customer-revenue", naive_cohorts, "_people", filtered_first
    ),
}  # fmt: skip
"""Who has this rule in the place of ours."""


def noticed(report: str, wrong: Callable[[History, Params], list[Json]]) -> bool:
    """Whether any of the worlds above tells what is wrong from what is right."""
    return any(NAIVE[report](*world(report, seed)) != wrong(*world(report, seed)) for seed in WORLDS)


@pytest.mark.parametrize("thought", CARELESS)
def test_who_looks_away_would_be_noticed(thought: str) -> None:
    report, spoil = CARELESS[thought]

    assert noticed(report, lambda history, asked: NAIVE[report](*spoil(history, asked)))


@pytest.mark.parametrize("thought", WRONG)
def test_who_has_a_rule_wrong_would_be_noticed(thought: str) -> None:
    report, where, name, rule = WRONG[thought]

    def wrong(history: History, asked: Params) -> list[Json]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(where, name, rule, raising=False)
            return NAIVE[report](history, asked)

    assert noticed(report, wrong)
