"""Line-ups: which unit comes first, what a unit is worth by then, and who gets the cent. Where tills go wrong."""

from tests.books import basket, book, item, promotion
from tests.conformance.bundles import bundle
from tests.conformance.cases import Table, case
from tests.conformance.lanes import amount, percent

ITEMS = [
    *(item(sku, price) for sku, price in [("A", 300), ("B", 300), ("C", 200), ("D", 150), ("E", 100), ("F", 101)]),
    item("G", 1000),
    item("H", 900),
]
ONE_FREE = {"kind": "percent", "share": 10000, "on": "cheapest"}
THREE_FOR_TWO = {"kind": "buy_get", "buy": 2, "get": 1}


def about(*skus: str) -> dict[str, object]:
    """For these skus alone."""
    return {"items": {"skus": list(skus)}}


TABLES = [
    Table(
        "line-up-before-promotions",
        ["buy-get", "lanes", "shares"],
        book(
            ITEMS,
            [amount("sale", 200, conditions=about("A")), promotion("three", THREE_FOR_TWO, lane=2)],
        ),
        [
            case(
                "dearest-by-the-price-before",
                "A, C, D by their prices before promotions, though A is 1.00 by now: D is free, and all share it.",
                basket(("A", 1), ("C", 1), ("D", 1)),
                total=300,
                landed={"A": [("sale", 200), ("three", 33)], "C": [("three", 67)], "D": [("three", 50)]},
            ),
        ],
    ),
    Table(
        "line-up-got-before-promotions",
        ["buy-get", "lanes"],
        book(
            ITEMS,
            [
                amount("sale", 150, conditions=about("C")),
                promotion(
                    "free",
                    {"kind": "buy_get", "buy": 1, "get": 1, "gets": {"skus": ["A", "C", "D"]}},
                    lane=2,
                    conditions=about("G"),
                ),
            ],
        ),
        [
            case(
                "cheapest-by-the-price-before",
                "D costs less than C before promotions, though C is 0.50 by now.",
                basket(("C", 1), ("D", 1), ("G", 1)),
                total=1050,
                by={"sale": 150, "free": 150},
            ),
        ],
    ),
    *(
        Table(
            f"line-up-cheapest-{kind}",
            ["cheapest", "lanes"],
            book(ITEMS, [amount("sale", 150, conditions=about("C")), promotion("one", benefit, lane=2)]),
            [
                case(
                    "by-the-price-before",
                    "D costs less than C before promotions, though C is 0.50 by now.",
                    basket(("C", 1), ("D", 1)),
                    total=190,
                    landed={"C": [("sale", 150)], "D": [("one", 10)]},
                ),
                case("tie-by-place", "A comes before B.", basket(("A", 1), ("B", 1)), total=600 - off, off={"A": off}),
            ],
        )
        for kind, benefit, off in [
            ("amount", {"kind": "amount", "amount": 10, "on": "cheapest"}, 10),
            ("fixed-price", {"kind": "fixed_price", "price": 140, "on": "cheapest"}, 160),
        ]
    ),
    Table(
        "line-up-ties",
        ["buy-get", "shares"],
        book(ITEMS, [promotion("second", {"kind": "buy_get", "buy": 1, "get": 1})]),
        [
            case(
                "by-place",
                "A and B cost the same: A, which comes first, and one B make the set.",
                basket(("A", 1), ("B", 2)),
                total=600,
                off={"A": 150, "B": 150},
            ),
            case(
                "larger-line-first",
                "Of two lines of a sku the larger one comes first, whatever they are called.",
                basket(("A", 2, "z"), ("A", 1, "a")),
                total=600,
                off={"z": 300},
            ),
        ],
    ),
    Table(
        "line-up-got-ties",
        ["buy-get"],
        book(
            ITEMS,
            [
                promotion(
                    "free",
                    {"kind": "buy_get", "buy": 1, "get": 1, "gets": {"skus": ["A", "B"]}},
                    conditions=about("G"),
                )
            ],
        ),
        [
            case(
                "by-place",
                "A and B cost the same: A comes first.",
                basket(("A", 1), ("B", 1), ("G", 1)),
                total=1300,
                off={"A": 300},
            ),
        ],
    ),
    Table(
        "line-up-gift-ties",
        ["gift"],
        book(ITEMS, [promotion("gift", {"kind": "gift", "sku": "A"}, conditions=about("G"))]),
        [
            case(
                "larger-line-first",
                "The gift is a unit of the larger line.",
                basket(("A", 1, "a"), ("A", 2, "z"), ("G", 1)),
                total=1600,
                off={"z": 300},
            ),
        ],
    ),
    Table(
        "bundle-of-what-is-left",
        ["bundle", "lanes"],
        book(
            ITEMS,
            [
                amount("sale", 500, conditions=about("G")),
                promotion("set", bundle(800, {"items": {"skus": ["G", "H"]}}, about("E"), times=1), lane=2),
            ],
        ),
        [
            case(
                "dearest-of-what-is-left",
                "H is worth more than G by now: it and E cost 8.00.",
                basket(("E", 1), ("G", 1), ("H", 1)),
                total=1300,
                landed={"E": [("set", 20)], "G": [("sale", 500)], "H": [("set", 180)]},
            ),
        ],
    ),
    Table(
        "bundle-ties",
        ["bundle", "shares"],
        book(ITEMS, [promotion("set", bundle(300, about("A", "B", "C"), about("E")))]),
        [
            case(
                "by-place",
                "A and B are worth the same: A, which comes first, belongs to the bundle.",
                basket(("A", 1), ("B", 1), ("E", 1)),
                total=600,
                off={"A": 75, "E": 25},
            ),
            case(
                "saves-nothing",
                "C and the second E cost just what a bundle does: they are none, and have no share.",
                basket(("A", 1), ("C", 1), ("E", 2)),
                total=600,
                off={"A": 75, "E": 25},
            ),
        ],
    ),
    Table(
        "closed-lines-count-as-bought",
        ["buy-get", "exclusive", "lanes"],
        book(
            ITEMS,
            [
                percent("first", 1000, exclusive=True, conditions=about("A")),
                promotion(
                    "free",
                    {"kind": "buy_get", "buy": 1, "get": 1, "gets": {"skus": ["E"]}},
                    lane=2,
                    conditions=about("A"),
                ),
            ],
        ),
        [
            case(
                "closed-line-was-bought",
                "A is closed to later lanes, and still it was bought.",
                basket(("A", 1), ("E", 1)),
                total=270,
                by={"first": 30, "free": 100},
            ),
        ],
    ),
    Table(
        "closed-lines-in-no-line-up",
        ["buy-get", "exclusive", "lanes"],
        book(
            ITEMS,
            [
                percent("first", 1000, exclusive=True, conditions=about("A")),
                promotion("three", THREE_FOR_TWO, lane=2),
            ],
        ),
        [
            case(
                "closed-line-stays-out",
                "C, D and E are three: E is free, and A, which is closed, is not one of them.",
                basket(("A", 1), ("C", 1), ("D", 1), ("E", 1)),
                total=620,
                by={"first": 30, "three": 100},
            ),
        ],
    ),
    Table(
        "tiers-before-promotions",
        ["tiers", "lanes"],
        book(
            ITEMS,
            [
                amount("sale", 200, conditions=about("A")),
                promotion("more", {"kind": "tiers", "by": "subtotal", "steps": [{"at": 600, "share": 1000}]}, lane=2),
            ],
        ),
        [
            case(
                "step-by-the-price-before",
                "6.00 before promotions reach the step, though 4.00 are left.",
                basket(("A", 1), ("B", 1)),
                total=360,
                by={"sale": 200, "more": 40},
            ),
        ],
    ),
    Table(
        "worth-of-some-units-in-sale",
        ["lanes", "cheapest"],
        book(ITEMS, [percent("half", 5000), promotion("free", ONE_FREE, lane=2)]),
        [
            case(
                "part-of-what-is-left",
                "One of two units that are worth 3.00 together is worth 1.50.",
                basket(("A", 2)),
                total=150,
                by={"half": 300, "free": 150},
            ),
        ],
    ),
    Table(
        "worth-of-some-units",
        ["lanes", "cheapest"],
        book(
            ITEMS,
            [amount("cent", 1, "order"), promotion("free", ONE_FREE, lane=2)],
        ),
        [
            case(
                "half-up",
                "One of two units that are worth 1.99 together is worth 1.00.",
                basket(("E", 2)),
                total=99,
                by={"cent": 1, "free": 100},
            ),
            case(
                "half-up-to-odd",
                "One of two units that are worth 2.01 together is worth 1.01, not the even 1.00.",
                basket(("F", 2)),
                total=100,
                by={"cent": 1, "free": 101},
            ),
        ],
    ),
    Table(
        "cap-ties",
        ["cap", "shares"],
        book(ITEMS, [percent("ten", 1000, cap=1)]),
        [
            case(
                "by-place",
                "Both would have taken as much: the cent is A's, which comes first.",
                basket(("A", 1), ("B", 1)),
                total=599,
                off={"A": 1},
            ),
            case(
                "larger-line-first",
                "The larger line of the two, whatever they are called.",
                basket(("A", 1, "a"), ("A", 2, "z")),
                total=899,
                off={"z": 1},
            ),
            case(
                "first-of-three",
                "Of three alike the first one.",
                basket(("A", 1, "z"), ("A", 1, "a"), ("B", 1)),
                total=899,
                off={"a": 1},
            ),
        ],
    ),
    Table(
        "cap-of-two",
        ["cap", "shares"],
        book(ITEMS, [percent("ten", 1000, cap=2)]),
        [
            case(
                "larger-of-equal-remainders",
                "0.5 and 1.5 cents: the odd one goes to the line that would have been taken more off.",
                basket(("A", 1), ("H", 1)),
                total=1198,
                off={"H": 2},
            ),
            case(
                "larger-remainder",
                "1.2 and 0.8 cents: the larger remainder comes before the larger line.",
                basket(("A", 1), ("C", 1)),
                total=498,
                off={"A": 1, "C": 1},
            ),
        ],
    ),
    Table(
        "tax-share-ties",
        ["tax", "shares"],
        book([item(sku, price, tax_class="reduced") for sku, price in [("E", 100), ("H", 900)]], rounding="order"),
        [
            case(
                "larger-of-equal-remainders",
                "7 % in 10.00 are 0.65, of which 6.5 and 58.5 cents: the odd one goes to the larger line.",
                basket(("E", 1), ("H", 1)),
                total=1000,
                tax=65,
                taxes={"E": 6, "H": 59},
            ),
        ],
    ),
    Table(
        "one-for-both-between",
        ["lanes", "best-of"],
        book(
            ITEMS,
            [
                amount("high", 100, priority=2, conditions=about("A")),
                amount("low", 100, priority=0, conditions=about("B")),
                amount("whole", 200, "order", priority=1),
            ],
        ),
        [
            case(
                "before-one-of-them",
                "As much for both lines at once as for each: it comes before one of the two only, so it does not win.",
                basket(("A", 1), ("B", 1)),
                total=400,
                by={"high": 100, "low": 100},
                why={"whole": "better_one"},
            ),
            case(
                "before-the-only-one",
                "On B alone it would come first.",
                basket(("B", 1)),
                total=100,
                by={"whole": 200},
                why={"high": "no_matching_item", "low": "better_one"},
            ),
        ],
    ),
]
