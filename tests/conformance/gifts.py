"""Gifts: offered until they are in the basket, and free from then on."""

from tests.books import basket, book, item, promotion
from tests.conformance.cases import Table, case

TABLES = [
    Table(
        "gift",
        ["gift", "subtotal"],
        book(
            [item("PHONE", 79900), item("CASE", 4900), item("STICKER", 200), item("CHARM", 200)],
            [promotion("gift", {"kind": "gift", "sku": "STICKER", "quantity": 2}, conditions={"subtotal": 5000})],
        ),
        [
            case(
                "offered",
                "It is offered, and the price stays.",
                basket(("PHONE", 1)),
                total=79900,
                gifts={"gift": 2},
                why={"gift": "gift_missing"},
            ),
            case(
                "partly",
                "One is there, one more is offered.",
                basket(("PHONE", 1), ("STICKER", 1)),
                total=79900,
                off={"STICKER": 200},
                gifts={"gift": 1},
            ),
            case(
                "wholly",
                "Both are there.",
                basket(("PHONE", 1), ("STICKER", 2)),
                total=79900,
                off={"STICKER": 400},
                gifts={},
            ),
            case(
                "more",
                "The third is paid.",
                basket(("PHONE", 1), ("STICKER", 3)),
                total=80100,
                off={"STICKER": 400},
                gifts={},
            ),
            case(
                "two-lines",
                "In two lines.",
                basket(("PHONE", 1), ("STICKER", 1, "x"), ("STICKER", 1, "y")),
                total=79900,
                off={"x": 200, "y": 200},
                gifts={},
            ),
            case(
                "more-units-first",
                "Of two lines of it the one with more units, whatever its key.",
                basket(("PHONE", 1), ("STICKER", 1, "x"), ("STICKER", 2, "y")),
                total=80100,
                off={"y": 400},
                gifts={},
            ),
            case(
                "too-little",
                "Too little for a gift.",
                basket(("CASE", 1)),
                total=4900,
                gifts={},
                why={"gift": "subtotal"},
            ),
            case(
                "gift-does-not-count",
                "The gift itself does not help.",
                basket(("CASE", 1), ("STICKER", 1)),
                total=5100,
                off={},
                gifts={},
                why={"gift": "subtotal"},
            ),
            case("charm-counts", "A charm does.", basket(("CASE", 1), ("CHARM", 1)), total=5100, gifts={"gift": 2}),
            case(
                "gift-alone",
                "A gift alone is bought.",
                basket(("STICKER", 2)),
                total=400,
                gifts={},
                why={"gift": "no_matching_item"},
            ),
        ],
    ),
    Table(
        "gift-not-sold-alone",
        ["gift"],
        book(
            [item("PHONE", 79900), item("BAG", 0)],
            [promotion("gift", {"kind": "gift", "sku": "BAG"}, conditions={"items": {"skus": ["PHONE"]}})],
        ),
        [
            case(
                "free-anyway",
                "What costs nothing cannot be less.",
                basket(("PHONE", 1), ("BAG", 1)),
                total=79900,
                gifts={},
                why={"gift": "no_saving"},
            ),
        ],
    ),
    Table(
        "two-gifts",
        ["gift", "lanes"],
        book(
            [item("PHONE", 79900), item("BAG", 500), item("STICKER", 200)],
            [
                promotion("a-sticker", {"kind": "gift", "sku": "STICKER"}, conditions={"items": {"skus": ["PHONE"]}}),
                promotion("bag", {"kind": "gift", "sku": "BAG"}, conditions={"items": {"skus": ["PHONE"]}}),
            ],
        ),
        [
            case(
                "both-offered", "Both are offered.", basket(("PHONE", 1)), total=79900, gifts={"a-sticker": 1, "bag": 1}
            ),
            case(
                "both",
                "Both are free: they are different lines.",
                basket(("PHONE", 1), ("BAG", 1), ("STICKER", 1)),
                total=79900,
                off={"BAG": 500, "STICKER": 200},
            ),
        ],
    ),
]
