"""A share off: each line, the cheapest units, everything at once."""

from tests.books import basket, book, item, promotion
from tests.conformance.cases import Table, case

CASES = {"items": {"categories": ["cases"]}}

TABLES = [
    Table(
        "percent-of-lines",
        ["percent", "lines", "category"],
        book(
            [
                item("CASE", 1999, category="cases"),
                item("LEATHER", 2499, category="leather-cases"),
                item("PHONE", 79900, category="phones"),
                item("FOUR", 4, category="cases"),
                item("FIVE", 5, category="cases"),
                item("LEAFLET", 0, category="cases"),
            ],
            [promotion("ten", {"kind": "percent", "share": 1000}, conditions=CASES)],
        ),
        [
            case("one", "10 % of 19.99 is 2.00.", basket(("CASE", 1)), total=1799, off={"CASE": 200}, by={"ten": 200}),
            case(
                "line-not-unit",
                "The line is rounded, not each unit: 10 % of 139.93 is 13.99.",
                basket(("CASE", 7)),
                total=12594,
                off={"CASE": 1399},
            ),
            case(
                "below-the-category",
                "A category has all below it.",
                basket(("LEATHER", 1)),
                total=2249,
                off={"LEATHER": 250},
            ),
            case(
                "others-untouched",
                "What it is not about stays what it was.",
                basket(("PHONE", 1), ("CASE", 1)),
                total=81699,
                off={"CASE": 200},
            ),
            case(
                "nothing-matches",
                "Nothing in the basket is what it is about.",
                basket(("PHONE", 1)),
                total=79900,
                off={},
                why={"ten": "no_matching_item"},
            ),
            case(
                "under-half", "0.4 cents are nothing.", basket(("FOUR", 1)), total=4, off={}, why={"ten": "no_saving"}
            ),
            case("half-goes-up", "0.5 cents are one.", basket(("FIVE", 1)), total=4, off={"FIVE": 1}),
            case("half-goes-up-again", "2.5 cents are three.", basket(("FIVE", 5)), total=22, off={"FIVE": 3}),
            case("many", "Of ten thousand units.", basket(("FIVE", 10_000)), total=45_000, off={"FIVE": 5_000}),
            case("off-nothing", "Nothing off nothing.", basket(("LEAFLET", 1)), total=0, why={"ten": "no_saving"}),
            case(
                "two-lines",
                "Two lines of a sku, each by itself.",
                basket(("FIVE", 1, "a"), ("FIVE", 1, "b")),
                total=8,
                off={"a": 1, "b": 1},
            ),
        ],
    ),
    Table(
        "percent-all",
        ["percent", "lines"],
        book(
            [item("A", 1049), item("B", 333), item("C", 1)],
            [promotion("all", {"kind": "percent", "share": 10_000})],
        ),
        [
            case(
                "two-lines",
                "100 % off two lines leaves 0.00.",
                basket(("A", 1), ("B", 3)),
                total=0,
                tax=0,
                off={"A": 1049, "B": 999},
            ),
            case("cents", "And off cents.", basket(("C", 7), ("B", 1)), total=0, tax=0),
            case("not-shipping", "Shipping is no line.", basket(("C", 1), shipping=499), total=499, shipping=499),
        ],
    ),
    Table(
        "percent-odd-shares",
        ["percent", "lines"],
        book(
            [
                item("PHONE", 79900, category="phones"),
                item("A", 1000, category="cases"),
                item("TINY", 49, category="phones"),
            ],
            [
                promotion("bp", {"kind": "percent", "share": 1}, conditions={"items": {"categories": ["phones"]}}),
                promotion("third", {"kind": "percent", "share": 3333}, conditions=CASES),
            ],
        ),
        [
            case("basis-point", "0.01 % of 799.00 is 0.08.", basket(("PHONE", 1)), total=79892, off={"PHONE": 8}),
            case("basis-point-of-little", "0.01 % of 0.49 is nothing.", basket(("TINY", 1)), total=49, off={}),
            case("third", "33.33 % of 10.00 is 3.33.", basket(("A", 1)), total=667, off={"A": 333}),
            case("third-of-three", "33.33 % of 30.00 is 10.00.", basket(("A", 3)), total=2000, off={"A": 1000}),
        ],
    ),
    Table(
        "percent-of-cheapest",
        ["percent", "cheapest"],
        book(
            [item("A", 1000), item("B", 600), item("C", 600), item("ODD", 333)],
            [promotion("half", {"kind": "percent", "share": 5000, "on": "cheapest"})],
        ),
        [
            case("cheapest", "Half off the cheapest unit.", basket(("A", 1), ("B", 1)), total=1300, off={"B": 300}),
            case("one-of-three", "One unit of a line of three.", basket(("B", 3)), total=1500, off={"B": 300}),
            case("tie", "Of two as cheap, the lower sku.", basket(("B", 1), ("C", 1)), total=900, off={"B": 300}),
            case(
                "tie-by-sku-not-by-key",
                "Whatever the lines are called.",
                basket(("B", 1, "x"), ("C", 1, "a")),
                total=900,
                off={"x": 300},
            ),
            case(
                "tie-of-one-sku",
                "Of two lines of a sku, the one with more units.",
                basket(("B", 1, "a"), ("B", 2, "x")),
                total=1500,
                off={"x": 300},
            ),
            case(
                "tie-of-like-lines",
                "Of two that are alike, the lower key.",
                basket(("B", 1, "x"), ("B", 1, "a")),
                total=900,
                off={"a": 300},
            ),
            case("alone", "The only unit is the cheapest.", basket(("A", 1)), total=500, off={"A": 500}),
            case("odd", "Half of 3.33 is 1.67.", basket(("ODD", 2)), total=499, off={"ODD": 167}),
        ],
    ),
    Table(
        "percent-of-two-cheapest",
        ["percent", "cheapest", "units"],
        book(
            [item("A", 1000), item("B", 600), item("C", 600)],
            [promotion("half", {"kind": "percent", "share": 5000, "on": "cheapest", "units": 2})],
        ),
        [
            case("both", "Two units, both reduced.", basket(("A", 1), ("B", 1)), total=800, off={"A": 500, "B": 300}),
            case(
                "next-dearer",
                "One cheap one, then one of five.",
                basket(("A", 5), ("B", 1)),
                total=4800,
                off={"A": 500, "B": 300},
            ),
            case("in-one-line", "Two of four.", basket(("B", 4)), total=1800, off={"B": 600}),
            case("only-one", "Only one is there.", basket(("B", 1)), total=300, off={"B": 300}),
            case(
                "three-lines",
                "The dearest stays.",
                basket(("A", 1), ("B", 1), ("C", 1)),
                total=1600,
                off={"B": 300, "C": 300},
            ),
        ],
    ),
    Table(
        "percent-of-order",
        ["percent", "order", "shares"],
        book(
            [item("A", 88), item("B", 94), item("C", 244), item("D", 1), item("FIVE", 5)],
            [promotion("ten", {"kind": "percent", "share": 1000, "on": "order"})],
        ),
        [
            case(
                "shared",
                "10 % of 4.27 is 0.43, shared out by largest remainder.",
                basket(("A", 1), ("B", 1), ("C", 1), ("D", 1)),
                total=384,
                off={"A": 9, "B": 9, "C": 25},
            ),
            case(
                "half-once",
                "10 % of three times 0.05 is 0.02: the lower keys have it.",
                basket(("FIVE", 1, "a"), ("FIVE", 1, "b"), ("FIVE", 1, "c")),
                total=13,
                off={"a": 1, "b": 1},
            ),
            case("one-line", "One line takes all of it.", basket(("C", 1)), total=220, off={"C": 24}),
            case("too-little", "0.1 cents are nothing.", basket(("D", 1)), total=1, why={"ten": "no_saving"}),
        ],
    ),
]
