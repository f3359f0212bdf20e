"""An amount off, and a fixed price: for each unit, the cheapest ones, or all lines together."""

from tests.books import basket, book, item, promotion
from tests.conformance.cases import Table, case

ITEMS = [item("A", 1000), item("B", 200), item("C", 700), item("FREE", 0), item("PHONE", 79900, category="phones")]
NO_PHONES = {"items": {"but_not": {"categories": ["phones"]}}}

TABLES = [
    Table(
        "amount-off-lines",
        ["amount", "lines", "but-not"],
        book(ITEMS, [promotion("three", {"kind": "amount", "amount": 300}, conditions=NO_PHONES)]),
        [
            case("one", "3.00 off a unit.", basket(("A", 1)), total=700, off={"A": 300}),
            case("each-unit", "3.00 off each unit.", basket(("A", 4)), total=2800, off={"A": 1200}),
            case("not-below-zero", "No more than there is.", basket(("B", 3)), total=0, off={"B": 600}, tax=0),
            case("each-line", "Each line by itself.", basket(("A", 1), ("B", 1)), total=700, off={"A": 300, "B": 200}),
            case("not-phones", "Everything but phones.", basket(("PHONE", 1), ("A", 1)), total=80600, off={"A": 300}),
            case(
                "only-phones",
                "Nothing else there.",
                basket(("PHONE", 1)),
                total=79900,
                why={"three": "no_matching_item"},
            ),
            case("free-already", "What is free stays free.", basket(("FREE", 2)), total=0, why={"three": "no_saving"}),
        ],
    ),
    Table(
        "amount-off-cheapest",
        ["amount", "cheapest", "units"],
        book(ITEMS, [promotion("three", {"kind": "amount", "amount": 300, "on": "cheapest", "units": 2})]),
        [
            case(
                "two-lines",
                "Each of the two cheapest.",
                basket(("A", 1), ("C", 1)),
                total=1100,
                off={"A": 300, "C": 300},
            ),
            case("one-line", "Two units of five.", basket(("A", 5)), total=4400, off={"A": 600}),
            case("little", "No more than they cost.", basket(("B", 2), ("A", 1)), total=1000, off={"B": 400}),
            case("little-and-more", "One of each.", basket(("B", 1), ("A", 2)), total=1700, off={"A": 300, "B": 200}),
        ],
    ),
    Table(
        "amount-off-order",
        ["amount", "order", "shares"],
        book(
            ITEMS,
            [
                promotion(
                    "ten",
                    {"kind": "amount", "amount": 1000, "on": "order"},
                    conditions={**NO_PHONES, "subtotal": 1500},
                )
            ],
        ),
        [
            case("reached", "10.00 off from 15.00 on.", basket(("A", 2)), total=1000, off={"A": 1000}),
            case("shared", "Shared by worth.", basket(("A", 1), ("C", 1)), total=700, off={"A": 588, "C": 412}),
            case("not-reached", "14.00 are too little.", basket(("C", 2)), total=1400, off={}, why={"ten": "subtotal"}),
            case(
                "phones-do-not-count",
                "What it is not about helps nothing.",
                basket(("C", 2), ("PHONE", 1)),
                total=81300,
                why={"ten": "subtotal"},
            ),
            case(
                "phones-have-no-share",
                "And takes no share.",
                basket(("A", 1), ("C", 1), ("PHONE", 1)),
                total=80600,
                off={"A": 588, "C": 412},
            ),
        ],
    ),
    Table(
        "fixed-price-of-lines",
        ["fixed-price", "lines"],
        book(ITEMS, [promotion("five", {"kind": "fixed_price", "price": 500}, conditions=NO_PHONES)]),
        [
            case("one", "10.00 becomes 5.00.", basket(("A", 1)), total=500, off={"A": 500}),
            case("each-unit", "Each unit.", basket(("A", 3)), total=1500, off={"A": 1500}),
            case("dearer-than-now", "Nobody pays more for it.", basket(("B", 2)), total=400, why={"five": "no_saving"}),
            case(
                "each-line",
                "Where it is less.",
                basket(("A", 1), ("B", 1), ("C", 2)),
                total=1700,
                off={"A": 500, "C": 400},
            ),
        ],
    ),
    Table(
        "fixed-price-of-cheapest",
        ["fixed-price", "cheapest", "units"],
        book(ITEMS, [promotion("one", {"kind": "fixed_price", "price": 100, "on": "cheapest"})]),
        [
            case("cheapest", "The cheapest unit for 1.00.", basket(("A", 1), ("C", 1)), total=1100, off={"C": 600}),
            case("of-several", "One of three.", basket(("C", 3)), total=1500, off={"C": 600}),
            case(
                "cheapest-is-cheaper",
                "It is for the cheapest unit, and that costs less already.",
                basket(("A", 1), ("FREE", 1)),
                total=1000,
                why={"one": "no_saving"},
            ),
        ],
    ),
    Table(
        "fixed-price-nothing",
        ["fixed-price", "lines"],
        book(ITEMS, [promotion("zero", {"kind": "fixed_price", "price": 0}, conditions={"items": {"skus": ["C"]}})]),
        [case("free", "A price of nothing.", basket(("C", 2), ("A", 1)), total=1000, off={"C": 1400})],
    ),
]
