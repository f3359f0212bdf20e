"""The engine: which promotions may, which land, and what is said of the others."""

from typing import Any

import pytest

from pricing.rules import prepare, quote
from pricing.rules.codes import hash_of
from pricing.rules.promotion import Promotion
from pricing.rules.quoted import CannotQuote, Quote
from tests.books import MARKET, NOON, STORES, basket, book, item, promotion, us

SHOP = [item(sku, 2000) for sku in "ABCD"]


def percent(name: str, share: int, **more: Any) -> Promotion:  # noqa: ANN401 - fields of a promotion
    """A share off each line."""
    return promotion(name, {"kind": "percent", "share": share}, **more)


def pair(name: str, saves: int, first: str, second: str) -> Promotion:
    """Two skus for so much less."""
    parts = [{"items": {"skus": [sku]}} for sku in (first, second)]
    return promotion(name, {"kind": "bundle", "price": 4000 - saves, "parts": parts})


def verdicts(priced: Quote) -> dict[str, str | int]:
    """What each promotion took, or why it took nothing."""
    return {one.promotion: one.amount if one.applied else one.reason for one in priced.verdicts}


def test_lanes_run_one_after_the_other_on_what_is_left() -> None:
    promotions = [percent("ten", 1000), percent("later", 1000, lane=2)]

    priced = quote(prepare(book(SHOP, promotions)), basket(("A", 1)), NOON)

    assert (priced.total, verdicts(priced)) == (1620, {"later": 180, "ten": 200})
    assert [one.promotion for one in priced.lines[0].discounts] == ["ten", "later"]


def test_two_that_fit_together_beat_the_best_that_is_in_their_way() -> None:
    """Whoever takes the biggest first saves the customer 10.00; what is best for them is 14.00."""
    promotions = [pair("greedy", 1000, "B", "C"), pair("left", 700, "A", "B"), pair("right", 700, "C", "D")]

    priced = quote(prepare(book(SHOP, promotions)), basket(*((sku, 1) for sku in "ABCD")), NOON)

    assert (priced.total, verdicts(priced)) == (6600, {"greedy": "better_one", "left": 700, "right": 700})


@pytest.mark.parametrize(("priority", "winner"), [(0, "lines"), (1, "order"), (-1, "lines")])
def test_where_two_are_as_good_the_higher_priority_wins_then_the_lower_id(priority: int, winner: str) -> None:
    order = promotion("order", {"kind": "amount", "amount": 400, "on": "order"}, priority=priority)

    priced = quote(prepare(book(SHOP, [percent("lines", 1000), order])), basket(("A", 1), ("B", 1)), NOON)

    assert priced.total == 3600
    assert [one.promotion for one in priced.verdicts if one.applied] == [winner]


def test_what_an_exclusive_one_took_is_closed_and_the_rest_is_open() -> None:
    staff = percent("staff", 3000, exclusive=True, conditions={"groups": ["staff"], "items": {"skus": ["A"]}})
    prepared = prepare(book(SHOP, [staff, percent("sale", 1000, lane=2)]))
    wanted = [("A", 1), ("B", 1)]

    somebody = quote(prepared, basket(*wanted), NOON)
    of_staff = quote(prepared, basket(*wanted, customer={"groups": ["staff"]}), NOON)

    assert (somebody.total, verdicts(somebody)) == (3600, {"sale": 400, "staff": "group"})
    assert (of_staff.total, verdicts(of_staff)) == (3200, {"sale": 200, "staff": 600})


def test_a_code_is_the_same_however_it_is_typed_and_stays_unsaid_in_the_book() -> None:
    opened = percent("opened", 1000, conditions={"code_hashes": [hash_of(MARKET, "SPRING-10")]})
    prepared = prepare(book(SHOP, [opened]))

    totals = [
        quote(prepared, basket(("A", 1), codes=[code]), NOON).total
        for code in ("SPRING-10", " spring-10 ", "Spring -10", "SPRING-11", "SPRING\u201010")
    ]

    assert totals == [1800, 1800, 1800, 2000, 2000]
    assert "SPRING" not in repr(prepared.book)


def test_the_hour_that_is_there_twice_counts_twice() -> None:
    """In Berlin it is half past two on 2026-10-25 at 00:30 and at 01:30 UTC, and not at all on 2027-03-28."""
    night = percent("night", 1000, conditions={"hours": [{"days": [6], "begins": 120, "until": 180}]})
    prepared = prepare(book(SHOP, [night]))

    def total(when: str) -> int:
        return quote(prepared, basket(("A", 1)), us(when)).total

    assert [total(f"2026-10-25T0{hour}:30:00Z") for hour in range(3)] == [1800, 1800, 2000]
    assert [total(f"2027-03-28T0{hour}:30:00Z") for hour in range(3)] == [2000, 2000, 2000]


def test_each_promotion_says_why_it_did_not_apply() -> None:
    promotions = [
        percent("code", 1000, conditions={"unique_codes": True}, limited=True),
        percent("first", 1000, conditions={"first_purchase": True}),
        percent("five", 1000, conditions={"quantity": 5}),
        percent("hundred", 1000, conditions={"subtotal": 10000}),
        percent("other", 1000, conditions={"items": {"skus": ["B"]}}),
        percent("store", 1000, conditions={"stores": ["berlin-1"]}),
        percent("stores", 1000, conditions={"channels": [STORES]}),
        percent("used", 1000, limited=True),
    ]

    priced = quote(prepare(book(SHOP, promotions)), basket(("A", 1), customer={"used_up": ["used"]}), NOON)

    assert verdicts(priced) == {
        "code": "code",
        "first": "not_first_purchase",
        "five": "quantity",
        "hundred": "subtotal",
        "other": "no_matching_item",
        "store": "store",
        "used": "used_up",
    }


@pytest.mark.parametrize("turned", [False, True])
def test_a_basket_without_a_price_names_the_same_line_whatever_their_order(*, turned: bool) -> None:
    wanted = [("UNKNOWN", 1, "b"), ("UNPRICED", 1, "a")]
    prepared = prepare(book([*SHOP, item("UNPRICED")]))

    with pytest.raises(CannotQuote) as refused:
        quote(prepared, basket(*(reversed(wanted) if turned else wanted)), NOON)

    assert (refused.value.code, refused.value.line) == ("not_priced", "a")
