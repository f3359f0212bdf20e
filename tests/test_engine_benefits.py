"""The engine: what each kind of benefit takes off, to the cent."""

import pytest

from pricing.rules import prepare, quote
from pricing.rules.quoted import Quote
from tests.books import NOON, basket, book, item, promotion

SHOP = [
    item("PHONE", 79900, category="phones"),
    item("CASE", 1999, category="cases"),
    item("LEATHER", 4999, category="leather-cases"),
    item("CABLE", 999, category="accessories"),
]
CASES = {"items": {"categories": ["cases"]}}


def off(priced: Quote) -> dict[str, int]:
    """What is taken off each line."""
    return {line.key: line.discount for line in priced.lines if line.discount}


def test_three_for_two_is_paid_for_by_all_three() -> None:
    """Whoever brings one back is given its share of the saving, not a whole case or none."""
    prepared = prepare(book(SHOP, [promotion("3for2", {"kind": "buy_get", "buy": 2, "get": 1}, conditions=CASES)]))

    priced = quote(prepared, basket(("CASE", 2), ("LEATHER", 1)), NOON)

    assert priced.total == 4999 + 1999
    assert off(priced) == {"CASE": 888, "LEATHER": 1111}


def test_a_bundle_costs_its_price_and_is_made_only_as_often_as_it_saves() -> None:
    phone_and_case = {
        "kind": "bundle",
        "price": 80000,
        "parts": [{"items": {"categories": ["phones"]}}, {"items": {"categories": ["cases"]}}],
    }
    prepared = prepare(book([*SHOP, item("MINI", 70000, category="phones")], [promotion("set", phone_and_case)]))

    assert quote(prepared, basket(("PHONE", 1), ("CASE", 1)), NOON).total == 80000
    assert quote(prepared, basket(("MINI", 1), ("CASE", 1)), NOON).total == 71999
    assert quote(prepared, basket(("PHONE", 1), ("MINI", 1), ("CASE", 2)), NOON).total == 80000 + 71999


def test_a_gift_is_offered_until_it_is_in_the_basket() -> None:
    gift = promotion("gift", {"kind": "gift", "sku": "CABLE"}, conditions={"items": {"categories": ["phones"]}})
    prepared = prepare(book(SHOP, [gift]))

    without = quote(prepared, basket(("PHONE", 1)), NOON)
    together = quote(prepared, basket(("PHONE", 1), ("CABLE", 1)), NOON)

    assert (without.total, [(one.sku, one.quantity) for one in without.gifts]) == (79900, [("CABLE", 1)])
    assert (together.total, together.gifts, off(together)) == (79900, [], {"CABLE": 999})


@pytest.mark.parametrize(("quantity", "total"), [(1, 1999), (2, 3798), (5, 8995), (50, 84957)])
def test_the_more_the_cheaper(quantity: int, total: int) -> None:
    """5 % from two on, 10 % from five, 15 % from ten; of the line, rounded once."""
    steps = [{"at": 2, "share": 500}, {"at": 5, "share": 1000}, {"at": 10, "share": 1500}]
    prepared = prepare(book(SHOP, [promotion("more", {"kind": "tiers", "by": "quantity", "steps": steps})]))

    assert quote(prepared, basket(("CASE", quantity)), NOON).total == total


def test_what_is_off_the_order_is_shared_to_the_cent_whatever_the_order_of_the_lines() -> None:
    ten = promotion("ten", {"kind": "amount", "amount": 1000, "on": "order"})
    prepared = prepare(book(SHOP, [ten]))

    one_way = quote(prepared, basket(("CASE", 1), ("CABLE", 1), ("LEATHER", 1)), NOON)
    other_way = quote(prepared, basket(("LEATHER", 1), ("CABLE", 1), ("CASE", 1)), NOON)

    assert one_way == other_way
    assert off(one_way) == {"CABLE": 125, "CASE": 250, "LEATHER": 625}


def test_nothing_goes_below_its_floor_and_no_order_above_the_cap() -> None:
    half = {"kind": "percent", "share": 5000}
    floored = prepare(book(SHOP, [promotion("half", half, floor={"minimum": 1500})]))
    capped = prepare(book(SHOP, [promotion("half", half, cap=1000)]))

    assert off(quote(floored, basket(("CASE", 2), ("CABLE", 1)), NOON)) == {"CASE": 998}
    assert off(quote(capped, basket(("CASE", 1), ("CABLE", 1)), NOON)) == {"CASE": 667, "CABLE": 333}


def test_shipping_is_brought_down_by_itself() -> None:
    free = promotion("free", {"kind": "percent", "share": 10_000, "on": "shipping"}, conditions={"subtotal": 5000})
    prepared = prepare(book(SHOP, [free]))

    little = quote(prepared, basket(("CASE", 1), shipping=499), NOON)
    much = quote(prepared, basket(("CASE", 3), shipping=499), NOON)

    assert (little.total, much.total) == (1999 + 499, 3 * 1999)
    assert much.shipping is not None
    assert (much.shipping.amount, much.shipping.total, much.shipping.tax, much.discount) == (499, 0, 0, 0)
