"""Lanes: one after the other."""

from typing import Any

from pricing.rules.codes import hash_of
from pricing.rules.promotion import Promotion
from tests.books import MARKET, basket, book, item, promotion
from tests.conformance.cases import Case, Table, case

ITEMS = [
    *(item(sku, price) for sku, price in [("A", 10000), ("B", 1000), ("C", 2000), ("D", 2000), ("E", 600)]),
    item("PHONE", 79900, category="phones"),
    item("COVER", 2000, category="cases"),
]


def table(name: str, promotions: list[Promotion], cases: list[Case], *features: str) -> Table:
    """Cases about promotions that meet."""
    return Table(name, ["lanes", *features], book(ITEMS, promotions), cases)


def percent(name: str, share: int, **more: Any) -> Promotion:  # noqa: ANN401 - fields of a promotion
    """A share off each line."""
    return promotion(name, {"kind": "percent", "share": share}, **more)


def amount(name: str, off: int, on: str = "lines", **more: Any) -> Promotion:  # noqa: ANN401 - as above
    """An amount off."""
    return promotion(name, {"kind": "amount", "amount": off, "on": on}, **more)


def pair(name: str, saves: int, first: str, second: str, **more: Any) -> Promotion:  # noqa: ANN401 - as above
    """Two of the skus that cost 20.00 each, together for so much less."""
    parts = [{"items": {"skus": [sku]}} for sku in (first, second)]
    return promotion(name, {"kind": "bundle", "price": 4000 - saves, "parts": parts}, **more)


QUADS = [item(sku, 2000) for sku in "ABCDEF"]
CODE = {"conditions": {"code_hashes": [hash_of(MARKET, "FIRST")]}}
HALF_CHEAPEST = {"kind": "percent", "share": 5000, "on": "cheapest"}

TABLES = [
    table(
        "lanes-in-order",
        [amount("five", 500, lane=2), percent("ten", 1000, lane=1), percent("twenty", 2000, lane=30)],
        [
            case(
                "one-after-the-other",
                "10 %, then 5.00, then 20 % of what is left.",
                basket(("A", 1)),
                total=6800,
                landed={"A": [("ten", 1000), ("five", 500), ("twenty", 1700)]},
            ),
            case(
                "down-to-nothing",
                "What is left is never less than nothing.",
                basket(("E", 1)),
                total=32,
                landed={"E": [("ten", 60), ("five", 500), ("twenty", 8)]},
            ),
        ],
    ),
    table(
        "lanes-of-what-is-left",
        [percent("a", 1000, lane=1), percent("b", 1000, lane=2)],
        [
            case(
                "percent-of-what-is-left",
                "10 % and 10 % are 19 %.",
                basket(("A", 1)),
                total=8100,
                by={"a": 1000, "b": 900},
            )
        ],
    ),
    table(
        "lanes-negative",
        [percent("a", 5000, lane=0), amount("b", 200, lane=-5)],
        [
            case(
                "by-number",
                "Lanes run by number: -5 comes before 0.",
                basket(("B", 1)),
                total=400,
                landed={"B": [("b", 200), ("a", 400)]},
            )
        ],
    ),
    table(
        "lanes-subtotal-is-before",
        [percent("half", 5000), amount("ten", 1000, "order", lane=2, conditions={"subtotal": 10000})],
        [
            case(
                "before-promotions",
                "A subtotal is before any promotion.",
                basket(("A", 1)),
                total=4000,
                by={"half": 5000, "ten": 1000},
            )
        ],
    ),
    table(
        "lanes-cheapest-is-before",
        [percent("most", 9000, conditions={"items": {"skus": ["B"]}}), promotion("half", HALF_CHEAPEST, lane=2)],
        [
            case(
                "by-the-price-before",
                "Which unit is the cheapest is said by prices before promotions; what is taken, by what is left.",
                basket(("B", 1), ("E", 1)),
                total=400,
                by={"most": 900, "half": 300},
            ),
            case(
                "of-what-is-left",
                "Half of what an earlier lane left.",
                basket(("B", 1), ("A", 1)),
                total=10050,
                by={"most": 900, "half": 50},
            ),
        ],
    ),
]
