"""Buy some, get some: of the same kind, and others."""

from tests.books import basket, book, item, promotion
from tests.conformance.cases import Table, case

CASES = {"items": {"categories": ["cases"]}}
ITEMS = [
    item("A", 1000, category="cases"),
    item("B", 600, category="cases"),
    item("C", 300, category="leather-cases"),
    item("D", 333, category="cases"),
    item("PHONE", 79900, category="phones"),
    item("COVER", 1999, category="accessories"),
    item("LEATHER", 4999, category="accessories"),
]
THREE_FOR_TWO = {"kind": "buy_get", "buy": 2, "get": 1}
COVERS = {"categories": ["accessories"]}
FREE_COVER = {"kind": "buy_get", "buy": 1, "get": 1, "gets": COVERS}
PHONES = {"items": {"categories": ["phones"]}}

TABLES = [
    Table(
        "three-for-two",
        ["buy-get", "shares"],
        book(ITEMS, [promotion("three", THREE_FOR_TWO, conditions=CASES)]),
        [
            case("same", "Three of a kind for the price of two.", basket(("A", 3)), total=2000, off={"A": 1000}),
            case(
                "cheapest-of-three",
                "The cheapest of three is free, and all three share what that saves.",
                basket(("A", 1), ("B", 1), ("C", 1)),
                total=1600,
                off={"A": 158, "B": 95, "C": 47},
            ),
            case("two", "Two are two.", basket(("A", 2)), total=2000, off={}, why={"three": "quantity"}),
            case("four", "The fourth is paid.", basket(("A", 4)), total=3000, off={"A": 1000}),
            case("six", "Six for four.", basket(("A", 6)), total=4000, off={"A": 2000}),
            case("odd", "Three times 3.33.", basket(("D", 3)), total=666, off={"D": 333}),
            case(
                "two-sets",
                "Lined up from the dearest down, A A B and B C C: a B and a C are free.",
                basket(("A", 2), ("B", 2), ("C", 2)),
                total=2900,
                off={"A": 474, "B": 284, "C": 142},
            ),
            case(
                "cheapest-outside",
                "Four: the cheapest belongs to no set and keeps its price.",
                basket(("A", 3), ("C", 1)),
                total=2300,
                off={"A": 1000},
            ),
            case(
                "lines-of-a-sku",
                "Three lines of a sku are three units; ties go to the lower keys.",
                basket(("A", 1, "x"), ("A", 1, "y"), ("A", 1, "z")),
                total=2000,
                off={"x": 334, "y": 333, "z": 333},
            ),
            case(
                "others-beside",
                "A phone is no case.",
                basket(("A", 2), ("PHONE", 1)),
                total=81900,
                why={"three": "quantity"},
            ),
        ],
    ),
    Table(
        "three-for-two-once",
        ["buy-get", "times"],
        book(ITEMS, [promotion("three", {**THREE_FOR_TWO, "times": 1}, conditions=CASES)]),
        [
            case("six", "Once is once.", basket(("A", 6)), total=5000, off={"A": 1000}),
            case("dearest-set", "The dearest make the set.", basket(("A", 3), ("B", 3)), total=3800, off={"A": 1000}),
        ],
    ),
    Table(
        "second-at-half",
        ["buy-get", "shares"],
        book(ITEMS, [promotion("half", {"kind": "buy_get", "buy": 1, "get": 1, "share": 5000}, conditions=CASES)]),
        [
            case("two", "The second at half.", basket(("A", 2)), total=1500, off={"A": 500}),
            case(
                "two-skus",
                "The cheaper at half, both share it.",
                basket(("A", 1), ("B", 1)),
                total=1300,
                off={"A": 188, "B": 112},
            ),
            case("three", "The third at its price.", basket(("A", 3)), total=2500, off={"A": 500}),
            case("odd", "Half of 3.33 is 1.67.", basket(("D", 2)), total=499, off={"D": 167}),
        ],
    ),
    Table(
        "five-for-three",
        ["buy-get"],
        book(ITEMS, [promotion("five", {"kind": "buy_get", "buy": 3, "get": 2}, conditions=CASES)]),
        [
            case("five", "Two of five.", basket(("A", 5)), total=3000, off={"A": 2000}),
            case(
                "mixed",
                "The two cheapest: 6.00 and 3.00.",
                basket(("A", 3), ("B", 1), ("C", 1)),
                total=3000,
                off={"A": 692, "B": 139, "C": 69},
            ),
            case("four", "Four are too few.", basket(("A", 4)), total=4000, off={}),
        ],
    ),
    Table(
        "cover-with-phone",
        ["buy-get", "gets"],
        book(ITEMS, [promotion("cover", FREE_COVER, conditions=PHONES)]),
        [
            case("one", "A phone opens a cover.", basket(("PHONE", 1), ("COVER", 1)), total=79900, off={"COVER": 1999}),
            case(
                "one-of-two",
                "One phone, one cover.",
                basket(("PHONE", 1), ("COVER", 2)),
                total=81899,
                off={"COVER": 1999},
            ),
            case(
                "two",
                "Two phones, two of three covers.",
                basket(("PHONE", 2), ("COVER", 3)),
                total=161799,
                off={"COVER": 3998},
            ),
            case(
                "cheapest-first",
                "The cheapest first.",
                basket(("PHONE", 1), ("COVER", 1), ("LEATHER", 1)),
                total=84899,
                off={"COVER": 1999},
            ),
            case(
                "both",
                "Then the next.",
                basket(("PHONE", 2), ("COVER", 1), ("LEATHER", 1)),
                total=159800,
                off={"COVER": 1999, "LEATHER": 4999},
            ),
            case(
                "no-phone",
                "A cover alone opens nothing.",
                basket(("COVER", 1)),
                total=1999,
                why={"cover": "no_matching_item"},
            ),
            case("no-cover", "Nothing there to get.", basket(("PHONE", 1)), total=79900, why={"cover": "no_saving"}),
        ],
    ),
    Table(
        "cover-with-two-of-anything",
        ["buy-get", "gets", "times"],
        book(
            ITEMS,
            [promotion("cover", {"kind": "buy_get", "buy": 2, "get": 1, "share": 5000, "gets": COVERS, "times": 1})],
        ),
        [
            case(
                "what-is-got-does-not-count",
                "What is got is none of what was bought: one phone is one.",
                basket(("PHONE", 1), ("COVER", 1)),
                total=81899,
                why={"cover": "quantity"},
            ),
            case(
                "half", "Half of 19.99 is 10.00.", basket(("PHONE", 2), ("COVER", 1)), total=160799, off={"COVER": 1000}
            ),
            case("once", "Once in an order.", basket(("PHONE", 4), ("COVER", 2)), total=322598, off={"COVER": 1000}),
        ],
    ),
    Table(
        "two-covers-with-phone",
        ["buy-get", "gets"],
        book(ITEMS, [promotion("covers", {**FREE_COVER, "get": 2, "share": 2500}, conditions=PHONES)]),
        [
            case("both", "A quarter off two.", basket(("PHONE", 1), ("COVER", 2)), total=82898, off={"COVER": 1000}),
            case(
                "one-there",
                "A quarter off the only one.",
                basket(("PHONE", 1), ("COVER", 1)),
                total=81399,
                off={"COVER": 500},
            ),
            case(
                "each-line-rounded",
                "Two lines, rounded each: 5.00 and 5.00.",
                basket(("PHONE", 1), ("COVER", 1, "x"), ("COVER", 1, "y")),
                total=82898,
                off={"x": 500, "y": 500},
            ),
        ],
    ),
]
