"""Shipping: what brings it down, and what leaves it alone."""

from typing import Any

from pricing.rules.promotion import Promotion
from tests.books import basket, book, item, promotion
from tests.conformance.cases import Case, Table, case

ITEMS = [item("A", 1000), item("B", 4000)]


def table(name: str, cases: list[Case], *promotions: Promotion) -> Table:
    """Cases about shipping."""
    return Table(name, ["shipping"], book(ITEMS, promotions), cases)


def on_shipping(name: str, kind: str, **benefit: Any) -> Promotion:  # noqa: ANN401 - fields of a benefit
    """A promotion on shipping, from 20.00 on."""
    return promotion(name, {"kind": kind, "on": "shipping", **benefit}, conditions={"subtotal": 2000})


TABLES = [
    table(
        "shipping-percent",
        [
            case(
                "half",
                "Half of 4.99 is 2.50.",
                basket(("B", 1), shipping=499),
                total=4249,
                shipping=249,
                off={},
                by={"half": 250},
            ),
            case(
                "too-little",
                "From 20.00 on.",
                basket(("A", 1), shipping=499),
                total=1499,
                shipping=499,
                why={"half": "subtotal"},
            ),
            case("none", "Nothing to bring.", basket(("B", 1)), total=4000, shipping=None, why={"half": "no_shipping"}),
        ],
        on_shipping("half", "percent", share=5000),
    ),
    table(
        "shipping-free",
        [
            case(
                "free", "Free from 20.00 on.", basket(("A", 2), shipping=499), total=2000, shipping=0, by={"free": 499}
            ),
            case(
                "shipping-does-not-count",
                "Shipping does not count.",
                basket(("A", 1), shipping=1000),
                total=2000,
                why={"free": "subtotal"},
            ),
        ],
        on_shipping("free", "percent", share=10_000),
    ),
    table(
        "shipping-amount",
        [
            case("less", "3.00 less.", basket(("B", 1), shipping=499), total=4199, shipping=199),
            case("not-below-zero", "No more than it costs.", basket(("B", 1), shipping=199), total=4000, shipping=0),
        ],
        on_shipping("three", "amount", amount=300),
    ),
    table(
        "shipping-fixed",
        [
            case("for-99", "For 0.99.", basket(("B", 1), shipping=499), total=4099, shipping=99),
            case(
                "cheaper-anyway",
                "It costs less.",
                basket(("B", 1), shipping=50),
                total=4050,
                shipping=50,
                why={"cent": "no_saving"},
            ),
        ],
        on_shipping("cent", "fixed_price", price=99),
    ),
    table(
        "shipping-best-of",
        [
            case(
                "percent-wins",
                "Half of 9.99 is more than 3.00.",
                basket(("B", 1), shipping=999),
                total=4499,
                shipping=499,
                by={"half": 500},
                why={"three": "better_one"},
            ),
            case(
                "amount-wins",
                "3.00 are more than half of 4.99.",
                basket(("B", 1), shipping=499),
                total=4199,
                shipping=199,
                by={"three": 300},
            ),
            case("tie", "As much: the lower id.", basket(("B", 1), shipping=600), total=4300, by={"half": 300}),
        ],
        on_shipping("half", "percent", share=5000),
        on_shipping("three", "amount", amount=300),
    ),
    table(
        "shipping-and-lines",
        [
            case(
                "lines-alone",
                "What is off the order is not off the shipping.",
                basket(("A", 1), shipping=499),
                total=499,
                shipping=499,
                off={"A": 1000},
            ),
            case(
                "beside",
                "Both, in one lane: they land on different things.",
                basket(("B", 1), shipping=499),
                total=3000,
                shipping=0,
                by={"free": 499, "ten": 1000},
            ),
        ],
        promotion("ten", {"kind": "amount", "amount": 1000, "on": "order"}),
        on_shipping("free", "percent", share=10_000),
    ),
    table(
        "shipping-exclusive",
        [
            case(
                "taken",
                "What an exclusive one took is closed to later lanes.",
                basket(("B", 1), shipping=499),
                total=4399,
                shipping=399,
                by={"first": 100},
                why={"later": "exclusive"},
            ),
            case(
                "not-taken",
                "Where it did not land, it is open.",
                basket(("A", 1), ("A", 1, "x"), shipping=499),
                total=2000,
                shipping=0,
                by={"later": 499},
                why={"first": "subtotal"},
            ),
        ],
        promotion(
            "first", {"kind": "amount", "amount": 100, "on": "shipping"}, conditions={"subtotal": 4000}, exclusive=True
        ),
        promotion("later", {"kind": "percent", "share": 10_000, "on": "shipping"}, lane=2),
    ),
]
