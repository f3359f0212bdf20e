"""The engine: the lowest price before a reduction, as article 6a of Directive 98/6/EC wants it announced."""

from itertools import permutations

import pytest

from pricing.rules import prepare, quote
from pricing.rules.book import Price, PriorRule
from pricing.rules.local_time import DAY
from pricing.rules.prepared import Prepared
from tests.books import NOON, STORES, WEB, basket, book, item, promotion

TEN = {"kind": "percent", "share": 1000}


def ago(days: int) -> int:
    """So many days before noon."""
    return NOON - days * DAY


def steps(*prices: tuple[int, int]) -> list[Price]:
    """From so many days ago on it cost this."""
    ends = [*(ago(days) for days, _ in prices[1:]), None]
    return [Price(ago(days), end, amount) for (days, amount), end in zip(prices, ends, strict=True)]


def prior(prepared: Prepared, at: int = NOON, channel: str = WEB) -> tuple[int, int] | None:
    """The prior price of the only sku, and since when it is reduced."""
    [line] = quote(prepared, basket(("A", 1), channel=channel), at).lines
    return None if line.prior is None else (line.prior.amount, line.prior.since)


def test_a_price_of_45_days_ago_that_was_still_asked_counts_and_the_reduced_one_does_not() -> None:
    prepared = prepare(book([item("A", *steps((200, 2800), (45, 3000), (0, 2500)))]))

    assert prior(prepared, NOON - 1) is None
    assert prior(prepared) == (3000, NOON)
    assert prior(prepared, NOON + 60 * DAY) == (3000, NOON)
    assert prior(prepared, NOON + 90 * DAY) is None


@pytest.mark.parametrize(("until", "lowest"), [(31, 3000), (30, 3000), (29, 2000)])
def test_a_lower_price_counts_if_it_was_asked_when_the_window_opened(until: int, lowest: int) -> None:
    prepared = prepare(book([item("A", *steps((200, 3000), (40, 2000), (until, 3000), (0, 2500)))]))

    assert prior(prepared) == (lowest, NOON)


def test_what_everybody_paid_with_a_promotion_counts_and_what_only_some_could_have_does_not() -> None:
    prices = steps((200, 3000), (0, 2500))
    earlier = {"starts": ago(20), "ends": ago(10)}
    everybody = promotion("all", TEN, **earlier)
    staff = promotion("staff", {**TEN, "share": 5000}, **earlier, conditions={"groups": ["staff"]})
    berlin = promotion("berlin", {**TEN, "share": 2000}, **earlier, conditions={"stores": ["berlin-1"]})

    assert prior(prepare(book([item("A", *prices)], [everybody, staff]))) == (2700, NOON)
    assert prior(prepare(book([item("A", *prices)], [staff]))) == (3000, NOON)
    assert prior(prepare(book([item("A", *prices)], [berlin])), channel=STORES) == (2400, NOON)
    assert prior(prepare(book([item("A", *prices)], [berlin])), channel=WEB) == (3000, NOON)


def test_a_reduction_that_grows_counts_from_its_first_step_where_the_market_says_so() -> None:
    items = [item("A", *steps((200, 3000), (10, 2700), (0, 2500)))]

    assert prior(prepare(book(items))) == (2700, NOON)
    assert prior(prepare(book(items, prior=PriorRule(progressive=True)))) == (3000, ago(10))


def test_a_growing_reduction_outlives_its_first_step() -> None:
    """90 days after its first step that is just the price, and the second is a reduction of it."""
    prepared = prepare(book([item("A", *steps((200, 3000), (10, 2700), (0, 2500)))], prior=PriorRule(progressive=True)))

    assert prior(prepared, NOON + 80 * DAY - 1) == (3000, ago(10))
    assert prior(prepared, NOON + 80 * DAY) == (2700, NOON)
    assert prior(prepared, NOON + 90 * DAY) is None


def test_what_is_new_has_the_lowest_of_its_few_days_or_none_at_all() -> None:
    items = [item("A", *steps((10, 3000), (0, 2500)))]

    assert prior(prepare(book(items))) == (3000, NOON)
    assert prior(prepare(book(items, prior=PriorRule(new_arrivals="none")))) is None


HOURS = {"hours": [{"days": [0], "begins": 600, "until": 720}]}
"""Mondays from ten to noon in Berlin, where it is one o'clock at NOON."""
INSTANTS = [
    NOON - 4 * 60 * 60 * 10**6,
    NOON - 2 * 60 * 60 * 10**6,
    NOON,
    NOON + 89 * DAY,
    NOON + 91 * DAY,
    NOON + 300 * DAY,
]


@pytest.mark.parametrize("progressive", [False, True])
def test_what_was_asked_before_changes_no_answer(*, progressive: bool) -> None:
    """A process that prices orders of last week, today's and next month's, in whatever order, tells each the same."""
    happy_hour = promotion("happy", TEN, starts=ago(50), conditions=HOURS)
    whole = book(
        [item("A", *steps((200, 3000), (95, 2900), (10, 2700), (0, 2500)))],
        [happy_hour],
        prior=PriorRule(progressive=progressive),
    )
    alone = {at: prior(prepare(whole), at) for at in INSTANTS}

    for order in permutations(INSTANTS, 3):
        prepared = prepare(whole)
        assert {at: prior(prepared, at) for at in order} == {at: alone[at] for at in order}
