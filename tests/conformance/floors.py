"""Floors and caps: how far down a unit may go, and how much a promotion may take."""

from pricing.rules.book import Price
from tests.books import LONG_AGO, basket, book, item, promotion
from tests.conformance.cases import Table, case

AT_900 = [Price(LONG_AGO, None, 756)]
"""7.56 and a tax of 19 % are 8.9964: at 9.00 it brings in what it costs us, at 8.99 it does not."""
HALF = {"kind": "percent", "share": 5000}

TABLES = [
    Table(
        "floor-minimum",
        ["floor", "percent"],
        book([item("A", 1000), item("B", 800), item("C", 700)], [promotion("half", HALF, floor={"minimum": 800})]),
        [
            case("stops", "Half off, but not below 8.00.", basket(("A", 1)), total=800, off={"A": 200}),
            case("each-unit", "No unit below it.", basket(("A", 3)), total=2400, off={"A": 600}),
            case("at-it", "What costs 8.00 stays.", basket(("B", 1)), total=800, off={}, why={"half": "floor"}),
            case(
                "below-it",
                "What costs less stays, and is not made dearer.",
                basket(("C", 1)),
                total=700,
                off={},
                why={"half": "floor"},
            ),
            case("each-line", "Each line by itself.", basket(("A", 1), ("C", 2)), total=2200, off={"A": 200}),
        ],
    ),
    Table(
        "floor-cost",
        ["floor", "percent"],
        book(
            [
                item("A", 1000, costs=AT_900),
                item("B", 1000),
                item("C", 1000, costs=[Price(LONG_AGO, None, 1100)]),
            ],
            [promotion("half", HALF, floor={"cost": True})],
        ),
        [
            case("cost", "Not below what it costs us.", basket(("A", 2)), total=1800, off={"A": 200}),
            case("unknown", "What nobody knows is no floor.", basket(("B", 1)), total=500, off={"B": 500}),
            case(
                "below-cost-already",
                "Sold below cost already: no further.",
                basket(("C", 1)),
                total=1000,
                off={},
                why={"half": "floor"},
            ),
        ],
    ),
    Table(
        "floor-cost-and-tax",
        ["floor", "percent", "tax"],
        book(
            [
                item("A", 1000, costs=[Price(LONG_AGO, None, 755)]),
                item("B", 1000, tax_class="reduced", costs=[Price(LONG_AGO, None, 755)]),
                item("C", 1000, tax_class="zero", costs=[Price(LONG_AGO, None, 755)]),
            ],
            [promotion("half", HALF, floor={"cost": True})],
        ),
        [
            case(
                "rounded-up",
                "19 % more than 7.55 are 8.9845: three at 8.98 would bring in 22.64, a cent too little.",
                basket(("A", 3)),
                total=2697,
                off={"A": 303},
            ),
            case("reduced", "7 % more are 8.0785.", basket(("B", 1)), total=808, off={"B": 192}),
            case("zero", "What is not taxed brings in its price.", basket(("C", 1)), total=755, off={"C": 245}),
        ],
    ),
    Table(
        "floor-cost-tax-added",
        ["floor", "percent", "tax"],
        book(
            [item("A", 1000, costs=[Price(LONG_AGO, None, 755)])],
            [promotion("half", HALF, floor={"cost": True})],
            included=False,
        ),
        [
            case(
                "as-it-is",
                "Where tax comes on top a price brings in all of itself.",
                basket(("A", 1)),
                total=898,
                off={"A": 245},
            )
        ],
    ),
    Table(
        "floor-minimum-and-cost",
        ["floor", "percent"],
        book(
            [
                item("A", 1000, costs=AT_900),
                item("B", 1000, costs=[Price(LONG_AGO, None, 100)]),
                item("C", 1000),
            ],
            [promotion("half", HALF, floor={"cost": True, "minimum": 600})],
        ),
        [
            case("cost-is-higher", "The higher of both: the cost,", basket(("A", 1)), total=900, off={"A": 100}),
            case("minimum-is-higher", "the minimum,", basket(("B", 1)), total=600, off={"B": 400}),
            case("only-minimum", "or what is known.", basket(("C", 1)), total=600, off={"C": 400}),
        ],
    ),
    Table(
        "floor-not-asked",
        ["floor", "percent"],
        book([item("A", 1000, costs=AT_900)], [promotion("half", HALF)]),
        [case("below-cost", "A promotion that does not mind may go below cost.", basket(("A", 1)), total=500)],
    ),
    Table(
        "floor-of-shares",
        ["floor", "amount", "order"],
        book(
            [item("A", 1000), item("B", 1000), item("C", 100)],
            [promotion("four", {"kind": "amount", "amount": 400, "on": "order"}, floor={"minimum": 900})],
        ),
        [
            case(
                "each-share",
                "Each share stops at its line's floor; the rest is not given to others.",
                basket(("A", 1), ("B", 1)),
                total=1800,
                off={"A": 100, "B": 100},
            ),
            case(
                "lost",
                "A line below the floor takes its share with it.",
                basket(("A", 1), ("C", 1)),
                total=1000,
                off={"A": 100},
            ),
        ],
    ),
    Table(
        "floor-after-an-earlier-lane",
        ["floor", "lanes"],
        book(
            [item("A", 1000)],
            [
                promotion("first", {"kind": "amount", "amount": 150}),
                promotion("half", HALF, lane=2, floor={"minimum": 800}),
            ],
        ),
        [
            case(
                "what-is-left",
                "What an earlier lane took counts.",
                basket(("A", 2)),
                total=1600,
                landed={"A": [("first", 300), ("half", 100)]},
            ),
        ],
    ),
    Table(
        "cap",
        ["cap", "percent", "shares"],
        book(
            [item("A", 1000), item("B", 2000), item("C", 4000), item("D", 5000), item("E", 5010)],
            [promotion("ten", {"kind": "percent", "share": 1000}, cap=500)],
        ),
        [
            case("not-reached", "Below the cap.", basket(("C", 1)), total=3600, off={"C": 400}),
            case("exactly", "At the cap.", basket(("D", 1)), total=4500, off={"D": 500}),
            case("a-cent-over", "A cent above it.", basket(("E", 1)), total=4510, off={"E": 500}),
            case(
                "shared",
                "What is capped is shared by what each line would have had.",
                basket(("A", 1), ("B", 1), ("C", 1)),
                total=6500,
                off={"A": 71, "B": 143, "C": 286},
            ),
            case("equals", "Half each.", basket(("C", 1, "x"), ("C", 1, "y")), total=7500, off={"x": 250, "y": 250}),
        ],
    ),
    Table(
        "cap-and-floor",
        ["cap", "floor", "percent"],
        book([item("A", 1000), item("B", 2000)], [promotion("half", HALF, cap=500, floor={"minimum": 900})]),
        [
            case(
                "floor-then-cap",
                "First the floor, then the cap: 1.00 and 10.00 become 0.45 and 4.55.",
                basket(("A", 1), ("B", 1)),
                total=2500,
                off={"A": 45, "B": 455},
            ),
            case(
                "floor-alone", "Where the floor leaves less than the cap.", basket(("A", 2)), total=1800, off={"A": 200}
            ),
        ],
    ),
    Table(
        "cap-of-shipping",
        ["cap", "shipping"],
        book([item("A", 1000)], [promotion("free", {"kind": "percent", "share": 10_000, "on": "shipping"}, cap=499)]),
        [
            case("below", "Up to 4.99 free.", basket(("A", 1), shipping=399), total=1000, shipping=0),
            case("above", "Above it the rest is paid.", basket(("A", 1), shipping=999), total=1500, shipping=500),
        ],
    ),
    Table(
        "cap-of-three-for-two",
        ["cap", "buy-get"],
        book([item("A", 1000)], [promotion("three", {"kind": "buy_get", "buy": 2, "get": 1}, cap=1500)]),
        [
            case("once", "One is free.", basket(("A", 3)), total=2000),
            case("twice", "One and a half are.", basket(("A", 6)), total=4500, off={"A": 1500}),
        ],
    ),
]
