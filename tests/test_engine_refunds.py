"""Refunds of promoted lines: whatever is returned in any order, what went back and what is kept is what was paid."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings

from commerce.kernel.money import cumulative_part, half_up
from pricing.rules import Prepared, prepare, quote
from pricing.rules.quoted import Quote, QuotedLine, QuotedShipping
from tests.books import NOON, WEB, basket, book, item, promotion
from tests.engine_strategies import SKUS, a_book, a_promotion, seeds

BOOKS = 64
REFUNDS = 10_000

Part = Callable[[int, int, int, int], int]


@cache
def a_prepared_book(n: int) -> Prepared:
    """One of a few books with promotions that everybody can have."""
    free = [a_promotion(seed, f"P{seed}") for seed in range(10 * n, 10 * n + 8)]
    return prepare(a_book(n, free))


def a_quote(dice: Random) -> Quote:
    """A basket of a few lines with a few units each, by any of the books."""
    wanted = [(sku, dice.randint(1, 7)) for sku in dice.sample(SKUS, dice.randint(1, 4))]
    asked = basket(*wanted, channel=WEB, codes=["SAVE10"], shipping=dice.choice([0, 499]))
    return quote(a_prepared_book(dice.randrange(BOOKS)), asked, NOON)


def returned(one: Quote, dice: Random, part: Part) -> Counter[str]:
    """What comes back when every unit of a basket is returned, a few at a time, in any order; for each line."""
    left = {line.key: line.quantity for line in one.lines}
    lines = {line.key: line for line in one.lines}
    back: Counter[str] = Counter()
    while left:
        key = dice.choice(list(left))
        line, units = lines[key], dice.randint(1, left[key])
        before = line.quantity - left[key]
        paid = line.total + (0 if one.prices_include_tax else line.tax)
        refund = part(paid, line.quantity, before, units)
        assert refund >= 0
        back[key] += refund
        assert_kept(line, paid, back[key], before + units)
        left[key] -= units
        left = {known: number for known, number in left.items() if number}
    return back


def assert_kept(line: QuotedLine, paid: int, back: int, units: int) -> None:
    """What is kept costs what its share of the line is, to half a cent, however it came to be kept."""
    assert abs(2 * (back * line.quantity - units * paid)) <= line.quantity


def assert_all_comes_back(dice: Random, part: Part) -> None:
    """All refunds together, and the shipping, are what was paid; and so for tax and each discount by itself."""
    one = a_quote(dice)
    back = returned(one, dice, part)
    shipping = one.shipping
    assert back == {line.key: line.total + (0 if one.prices_include_tax else line.tax) for line in one.lines}
    assert sum(back.values()) + _paid_for(shipping, included=one.prices_include_tax) == one.total
    line = dice.choice(one.lines)
    cuts = sorted([*dice.sample(range(line.quantity + 1), 2), 0, line.quantity])
    for amount in (line.tax, line.discount, *(each.amount for each in line.discounts)):
        parts = [part(amount, line.quantity, begins, ends - begins) for begins, ends in pairwise(cuts)]
        assert sum(parts) == amount


def _paid_for(shipping: QuotedShipping | None, *, included: bool) -> int:
    return 0 if shipping is None else shipping.total + (0 if included else shipping.tax)


@settings(max_examples=REFUNDS, deadline=None)
@given(seeds)
def test_refunds_in_any_order_add_up_to_what_was_paid(seed: int) -> None:
    assert_all_comes_back(Random(seed), cumulative_part)  # noqa: S311 - these dice decide about nobody's money


def test_refunds_that_are_rounded_one_by_one_would_be_noticed() -> None:
    def by_itself(total: int, of: int, before: int, units: int) -> int:
        del before
        return half_up(total * units, of)

    def try_some() -> None:
        for seed in range(100):
            assert_all_comes_back(Random(seed), by_itself)  # noqa: S311 - as above

    with pytest.raises(AssertionError):
        try_some()


def test_six_bought_at_forty_percent_off_and_five_returned() -> None:
    """The kept one and the refunds add up to what was paid, though a sixth of it is no whole number of cents."""
    less = promotion("P0", {"kind": "percent", "share": 4000})
    line = quote(prepare(book([item("A", 333)], [less])), basket(("A", 6)), NOON).lines[0]

    refunds = [cumulative_part(line.total, 6, n, 1) for n in range(5)]

    assert (line.discount, line.total) == (799, 1199)
    assert refunds == [200, 200, 200, 199, 200]
    assert line.total - sum(refunds) == 200
