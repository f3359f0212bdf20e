"""Exclusive promotions: what one of them took is closed to later lanes."""

from tests.books import basket, book, promotion
from tests.conformance.cases import Table, case
from tests.conformance.lanes import CODE, QUADS, amount, pair, percent, table

TABLES = [
    table(
        "exclusive",
        [percent("first", 1000, exclusive=True, conditions={"items": {"skus": ["A"]}}), percent("later", 2000, lane=2)],
        [
            case(
                "closed",
                "Where it landed nothing else does.",
                basket(("A", 1)),
                total=9000,
                by={"first": 1000},
                why={"later": "exclusive"},
            ),
            case(
                "others-open",
                "Other lines are open.",
                basket(("A", 1), ("B", 1)),
                total=9800,
                by={"first": 1000, "later": 200},
            ),
            case(
                "not-there",
                "Where it does not land, nothing is closed.",
                basket(("B", 1)),
                total=800,
                by={"later": 200},
            ),
        ],
        "exclusive",
    ),
    table(
        "exclusive-with-code",
        [percent("first", 1000, exclusive=True, **CODE), percent("later", 2000, lane=2)],
        [
            case(
                "code",
                "With its code it closes everything.",
                basket(("A", 1), codes=["FIRST"]),
                total=9000,
                by={"first": 1000},
                why={"later": "exclusive"},
            ),
            case(
                "no-code",
                "Without, it is as if it were not there.",
                basket(("A", 1)),
                total=8000,
                by={"later": 2000},
                why={"first": "code"},
            ),
        ],
        "exclusive",
        "codes",
    ),
    table(
        "exclusive-in-its-lane",
        [percent("a", 1000, exclusive=True), percent("b", 1500)],
        [
            case(
                "best-of-first",
                "In its own lane it must be the best.",
                basket(("A", 1)),
                total=8500,
                by={"b": 1500},
                why={"a": "better_one"},
            )
        ],
        "exclusive",
        "best-of",
    ),
    table(
        "exclusive-and-shares",
        [
            percent("first", 1000, exclusive=True, conditions={"items": {"skus": ["A"]}}),
            amount("ten", 1000, "order", lane=2, conditions={"quantity": 3}),
        ],
        [
            case(
                "open-lines-share",
                "Only open lines have a share; closed ones still count.",
                basket(("A", 1), ("B", 1), ("C", 1)),
                total=11000,
                landed={"A": [("first", 1000)], "B": [("ten", 333)], "C": [("ten", 667)]},
            ),
            case(
                "no-more-than-open",
                "No more than open lines are worth.",
                basket(("A", 2), ("E", 1)),
                total=18000,
                by={"first": 2000, "ten": 600},
            ),
        ],
        "exclusive",
        "shares",
    ),
    Table(
        "exclusive-and-bundle",
        ["lanes", "exclusive", "bundle"],
        book(
            QUADS,
            [
                percent("first", 1000, exclusive=True, conditions={"items": {"skus": ["A"]}}),
                pair("x", 700, "A", "B", lane=2),
            ],
        ),
        [
            case(
                "part-is-closed",
                "A bundle cannot have a closed line.",
                basket(("A", 1), ("B", 1)),
                total=3800,
                by={"first": 200},
                why={"x": "no_saving"},
            )
        ],
    ),
    table(
        "exclusive-and-tiers",
        [
            percent("first", 1000, exclusive=True, conditions={"items": {"skus": ["A"]}}),
            promotion("more", {"kind": "tiers", "by": "quantity", "steps": [{"at": 3, "share": 1000}]}, lane=2),
        ],
        [
            case(
                "closed-lines-count",
                "Closed lines count for a step, and take nothing of it.",
                basket(("A", 2), ("B", 1)),
                total=18900,
                landed={"A": [("first", 2000)], "B": [("more", 100)]},
            )
        ],
        "exclusive",
        "tiers",
    ),
]
