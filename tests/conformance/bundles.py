"""Bundles: so many of each part for one price, as often as that saves anything."""

from typing import Any

from tests.books import basket, book, item, promotion
from tests.conformance.cases import Table, case

PHONE_PART = {"items": {"categories": ["phones"]}}
CASE_PART = {"items": {"categories": ["cases"]}}
ITEMS = [
    item("PHONE", 79900, category="phones"),
    item("MINI", 70000, category="phones"),
    item("CASE", 1999, category="cases"),
    item("SLEEVE", 1499, category="leather-cases"),
    item("CABLE", 900, category="accessories"),
    item("CHARGER", 2500, category="accessories"),
]


def bundle(price: int, *parts: dict[str, Any], **more: int) -> dict[str, Any]:
    """A bundle of these parts."""
    return {"kind": "bundle", "price": price, "parts": list(parts), **more}


TABLES = [
    Table(
        "phone-and-case",
        ["bundle", "shares"],
        book(ITEMS, [promotion("set", bundle(80000, PHONE_PART, CASE_PART))]),
        [
            case(
                "one",
                "Phone and case for 800.00, shared by worth.",
                basket(("PHONE", 1), ("CASE", 1)),
                total=80000,
                off={"PHONE": 1853, "CASE": 46},
            ),
            case("twice", "Twice.", basket(("PHONE", 2), ("CASE", 2)), total=160000, off={"PHONE": 3705, "CASE": 93}),
            case(
                "case-over",
                "The second case keeps its price.",
                basket(("PHONE", 1), ("CASE", 2)),
                total=81999,
                off={"PHONE": 1853, "CASE": 46},
            ),
            case(
                "dearest-first",
                "The dearer case belongs to it.",
                basket(("PHONE", 1), ("CASE", 1), ("SLEEVE", 1)),
                total=81499,
                off={"PHONE": 1853, "CASE": 46},
            ),
            case(
                "not-worth-it",
                "719.99 is less than 800.00.",
                basket(("MINI", 1), ("CASE", 1)),
                total=71999,
                off={},
                why={"set": "no_saving"},
            ),
            case(
                "once-worth-it",
                "With the dear phone it saves, with the small one it would not.",
                basket(("PHONE", 1), ("MINI", 1), ("CASE", 2)),
                total=151999,
                off={"PHONE": 1853, "CASE": 46},
            ),
            case("part-missing", "No case, no bundle.", basket(("PHONE", 2)), total=159800, why={"set": "quantity"}),
            case(
                "nothing-of-it",
                "Nothing of it there.",
                basket(("CABLE", 1)),
                total=900,
                why={"set": "quantity"},
            ),
            case("cable-beside", "A cable is no part.", basket(("PHONE", 1), ("CASE", 1), ("CABLE", 3)), total=82700),
        ],
    ),
    Table(
        "phone-and-case-once",
        ["bundle", "times"],
        book(ITEMS, [promotion("set", bundle(80000, PHONE_PART, CASE_PART, times=1))]),
        [
            case("twice", "Once in an order.", basket(("PHONE", 2), ("CASE", 2)), total=161899, by={"set": 1899}),
        ],
    ),
    Table(
        "cables-and-charger",
        ["bundle", "units"],
        book(
            ITEMS,
            [
                promotion(
                    "set", bundle(4000, {"items": {"skus": ["CABLE"]}, "quantity": 2}, {"items": {"skus": ["CHARGER"]}})
                )
            ],
        ),
        [
            case(
                "one",
                "Two cables and a charger for 40.00.",
                basket(("CABLE", 2), ("CHARGER", 1)),
                total=4000,
                off={"CABLE": 126, "CHARGER": 174},
            ),
            case("one-cable", "One cable is too few.", basket(("CABLE", 1), ("CHARGER", 1)), total=3400, off={}),
            case(
                "three-cables",
                "The third keeps its price.",
                basket(("CABLE", 3), ("CHARGER", 2)),
                total=7400,
                by={"set": 300},
            ),
            case(
                "two-sets",
                "Twice, in three lines.",
                basket(("CABLE", 1, "a"), ("CABLE", 3, "b"), ("CHARGER", 2, "c")),
                total=8000,
                off={"a": 63, "b": 188, "c": 349},
            ),
        ],
    ),
    Table(
        "first-part-takes",
        ["bundle"],
        book(ITEMS, [promotion("set", bundle(2000, {"items": {"categories": ["accessories"]}}, CASE_PART))]),
        [
            case(
                "belongs-to-the-first",
                "A case is an accessory, too, and belongs to the first part that it matches: the second stays empty.",
                basket(("CABLE", 1), ("CASE", 1)),
                total=2899,
                why={"set": "quantity"},
            ),
        ],
    ),
    Table(
        "three-parts",
        ["bundle"],
        book(ITEMS, [promotion("set", bundle(80000, PHONE_PART, CASE_PART, {"items": {"skus": ["CHARGER"]}}))]),
        [
            case(
                "three",
                "Phone, case and charger.",
                basket(("PHONE", 1), ("CASE", 1), ("CHARGER", 1)),
                total=80000,
                off={"PHONE": 4165, "CASE": 104, "CHARGER": 130},
            ),
            case(
                "two-of-three",
                "Two parts of three.",
                basket(("PHONE", 1), ("CASE", 1)),
                total=81899,
                why={"set": "quantity"},
            ),
        ],
    ),
]
