"""Prior prices against a model that knows nothing but what a unit cost in each hour.

The model fills in a table of hours, one by one, from the same promotions and prices, with the zone's own rules from the
standard library; and it looks for the lowest price by looking at every hour.
"""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricing.rules import prepare, quote
from pricing.rules.book import Book, Price, PriorRule
from pricing.rules.facts import prior_at
from pricing.rules.promotion import Promotion
from pricing.rules.quoted import CannotQuote, PriorPrice
from tests.books import EPOCH, STORES, WEB, basket, book, item, promotion, us
from tests.engine_strategies import DAY, HOUR, seeds

BERLIN = ZoneInfo("Europe/Berlin")
GRID = us("2026-10-15T00:00:00Z")
"""Clocks are put back ten days later."""
LENGTH = 24 * 24
PRICES = [500, 600, 700, 800, 900, 1000]


class World(NamedTuple):
    """Prices, promotions and the market's options, and what was charged in each hour."""

    book: Book
    hourly: list[int | None]


def _spans(dice: Random, most: int) -> list[Price]:
    edges = sorted(dice.sample(range(LENGTH), dice.randint(1, most)))
    spans = []
    for begins, following in zip(edges, [*edges[1:], None], strict=True):
        gap = dice.random() < 0.2
        ends = following if not gap else begins + max(1, ((following or LENGTH) - begins) // 2)
        spans.append(Price(begins, ends, dice.choice(PRICES)))
    return spans


def _promotion(dice: Random, name: str) -> Promotion:
    begins = dice.randrange(LENGTH)
    limits: list[dict[str, Any]] = [
        {},
        {},
        {"groups": ["staff"]},
        {"quantity": 2},
        {"stores": ["berlin"]},
        {"channels": [WEB]},
    ]
    hours = [{"days": [0, 2, 4, 6], "begins": 60 * 2, "until": 60 * 9}, {"days": [1], "begins": 60 * 20}]
    return promotion(
        name,
        {"kind": "amount", "amount": dice.choice([50, 150, 5000])},
        starts=GRID + begins * HOUR,
        ends=GRID + (begins + dice.choice([1, 5, 24, 100, 300])) * HOUR,
        conditions={**dice.choice(limits), "hours": dice.choice([[], [], hours])},
        floor={"minimum": dice.choice([0, 450])},
    )


def a_world(seed: int) -> World:
    """A past of 24 days, hour by hour."""
    dice = Random(seed)  # noqa: S311 - these dice decide about nobody's money
    rule = PriorRule(
        window_days=dice.randint(1, 5),
        announced_days=dice.randint(1, 6),
        progressive=dice.random() < 0.5,
        new_arrivals=dice.choice(["shorter", "none"]),
    )
    recommended = _spans(dice, 6)
    own = _spans(dice, 2) if dice.random() < 0.4 else []
    running = [_promotion(dice, f"P{n}") for n in range(dice.randint(0, 3))]
    a_book = book(
        [item("A", *map(_on_the_grid, recommended), channels={STORES: map(_on_the_grid, own)} if own else {})],
        running,
        prior=rule,
    )
    return World(a_book, [_charged(hour, recommended, own, running) for hour in range(LENGTH)])


def _on_the_grid(span: Price) -> Price:
    return Price(GRID + span.begins * HOUR, None if span.ends is None else GRID + span.ends * HOUR, span.amount)


def _in_force(spans: Sequence[Price], hour: int) -> int | None:
    return next((one.amount for one in spans if one.begins <= hour and (one.ends is None or hour < one.ends)), None)


def _charged(hour: int, recommended: Sequence[Price], own: Sequence[Price], running: Sequence[Promotion]) -> int | None:
    """What anybody paid for one unit in the stores in this hour: an offer of one was one of its channel."""
    full = _in_force(recommended, hour)
    if full is None:
        return None
    full = _in_force(own, hour) or full
    at = GRID + hour * HOUR
    return min([full, *(_less(full, one) for one in running if _holds(one, at))])


def _holds(one: Promotion, at: int) -> bool:
    asks = one.conditions
    local = (EPOCH + timedelta(microseconds=at)).astimezone(BERLIN)
    minute = local.hour * 60 + local.minute
    right_time = not asks.hours or any(
        local.weekday() in some.days and some.begins <= minute < some.until for some in asks.hours
    )
    for_all = not asks.groups and asks.quantity < 2 and asks.channels in ([], [STORES])
    return right_time and for_all and one.starts <= at < (one.ends or at + 1)


def _less(full: int, one: Promotion) -> int:
    amount: int = one.benefit.amount  # type: ignore[union-attr]  # all of them are amounts off
    return min(full, max(full - amount, one.floor.minimum, 0))


def prior_by_hours(hourly: Sequence[int | None], rule: PriorRule, hour: int) -> PriorPrice | None:
    """The rule, told by somebody who reads the table backwards."""
    hours_of = range(hour, -1, -1)
    began = next((one for one in hours_of if one == 0 or hourly[one - 1] != hourly[one]), 0)
    first = None
    while _went_down(hourly, began) and began > hour - rule.announced_days * 24:
        first = began
        if not rule.progressive:
            break
        began = next((one for one in range(began - 1, -1, -1) if one == 0 or hourly[one - 1] != hourly[one]), 0)
    if first is None:
        return None
    opens = first - rule.window_days * 24
    before = [hourly[one] if one >= 0 else None for one in range(opens, first)]
    if before[0] is None and rule.new_arrivals == "none":
        return None
    return PriorPrice(min(price for price in before if price is not None), GRID + first * HOUR)


def _went_down(hourly: Sequence[int | None], hour: int) -> bool:
    now, before = hourly[hour], hourly[hour - 1] if hour else None
    return now is not None and before is not None and now < before


def found_in(world: World, hour: int, beside: int = 0) -> PriorPrice | None:
    """The prior price of an hour, whoever asks."""
    return prior_at(prepare(world.book), STORES, "A", GRID + hour * HOUR + beside).figure


def is_less(world: World, hour: int, prior: PriorPrice) -> bool:
    """Whether somebody outside the stores pays less than everybody did just before the reduction."""
    line = quote(prepare(world.book), basket(("A", 1), channel=STORES), GRID + hour * HOUR).lines[0]
    before = world.hourly[(prior.since - GRID) // HOUR - 1]
    return before is not None and line.total < before


def shown_in(world: World, hour: int) -> PriorPrice | None:
    """The prior price on a quote in an hour; None also where there is no quote."""
    try:
        return quote(prepare(world.book), basket(("A", 1), channel=STORES), GRID + hour * HOUR).lines[0].prior
    except CannotQuote:
        return None


@settings(max_examples=400, deadline=None)
@given(seeds, st.lists(st.integers(0, LENGTH - 1), min_size=8, max_size=8))
@example(1492, [153])
def test_a_prior_price_is_what_reading_every_hour_finds(seed: int, hours: list[int]) -> None:
    world = a_world(seed)
    for hour in hours:
        expected = prior_by_hours(world.hourly, world.book.prior, hour)

        assert found_in(world, hour) == expected
        assert found_in(world, hour, beside=HOUR - 1) == expected
        assert shown_in(world, hour) == (expected if expected is not None and is_less(world, hour, expected) else None)


@settings(max_examples=100, deadline=None)
@given(seeds, seeds)
def test_a_prior_price_does_not_depend_on_what_was_asked_before(seed: int, order: int) -> None:
    world = a_world(seed)
    hours = Random(order).sample(range(LENGTH), 40)  # noqa: S311 - as above
    asked = prepare(world.book)

    for hour in hours:
        at = GRID + hour * HOUR
        told = prior_at(asked, STORES, "A", at)
        assert told.evidence == prior_at(prepare(world.book), STORES, "A", at).evidence
        assert told.figure == prior_by_hours(world.hourly, world.book.prior, hour)
        assert told.begins <= at
        assert told.ends is None or at < told.ends


@settings(max_examples=200, deadline=None)
@given(seeds, st.integers(0, LENGTH - 1))
@example(0, 300)
def test_the_evidence_behind_a_prior_price_is_what_was_charged(seed: int, hour: int) -> None:
    world = a_world(seed)
    prior = prior_at(prepare(world.book), STORES, "A", GRID + hour * HOUR)

    if prior.figure is not None:
        assert prior.figure.amount == min(step.price for step in prior.evidence if step.price is not None)
        assert prior.evidence[0].begins >= prior.figure.since - world.book.prior.window_days * DAY
    for step in prior.evidence:
        hours_since = (step.begins - GRID) // HOUR
        assert hours_since < 0 or world.hourly[hours_since] == step.price


def test_a_model_that_counts_the_reduced_price_would_disagree() -> None:
    """As many shops count it: the lowest price of the last days up to now."""
    rule = PriorRule(window_days=5, announced_days=5)
    hourly = [1000] * 200 + [800] * 50

    assert prior_by_hours(hourly, rule, 210) == PriorPrice(1000, GRID + 200 * HOUR)
    assert min(hourly[:211]) == 800


def test_a_reduction_in_steps_counts_from_the_first_that_is_still_announced() -> None:
    """Steps at 0, 60 and 85 days: the first stops to count after 90 days, and then the second is the first."""
    at = us("2026-06-01T00:00:00Z")
    spans = [Price(at - 100 * DAY, at, 1000), Price(at, at + 60 * DAY, 900), Price(at + 60 * DAY, at + 85 * DAY, 800)]
    of = book(
        [item("A", *spans, Price(at + 85 * DAY, None, 700))],
        prior=PriorRule(window_days=30, announced_days=90, progressive=True),
    )
    found = {
        day: prior_at(prepare(of), STORES, "A", at + day * DAY).figure for day in (86, 89, 90, 121, 149, 150, 174, 175)
    }

    first, second = PriorPrice(1000, at), PriorPrice(900, at + 60 * DAY)
    third = PriorPrice(800, at + 85 * DAY)
    assert found == {86: first, 89: first, 90: second, 121: second, 149: second, 150: third, 174: third, 175: None}
