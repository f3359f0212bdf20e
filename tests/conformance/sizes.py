"""Large and strange: currencies, amounts near the largest, many lines, and lines in any order."""

from itertools import permutations

from tests.books import basket, book, item, promotion
from tests.conformance.cases import Table, case

TEN = promotion("ten", {"kind": "percent", "share": 1000})
LESS = promotion("less", {"kind": "amount", "amount": 10**12, "on": "order"})
WANTED = [("A", 2), ("B", 3), ("C", 1)]
MEETING = [
    promotion(
        "pair", {"kind": "bundle", "price": 1500, "parts": [{"items": {"skus": ["A"]}}, {"items": {"skus": ["C"]}}]}
    ),
    promotion("three", {"kind": "buy_get", "buy": 2, "get": 1}, conditions={"items": {"skus": ["B"]}}),
    promotion("last", {"kind": "amount", "amount": 100, "on": "order"}, lane=2),
]

TABLES = [
    Table(
        "yen",
        ["currencies"],
        book([item("A", 1999), item("B", 5)], [TEN], currency="JPY"),
        [
            case("percent", "10 % of 1,999 yen is 200.", basket(("A", 1)), total=1799, off={"A": 200}, tax=287),
            case("half", "Half a yen is a yen.", basket(("B", 1)), total=4, off={"B": 1}),
        ],
    ),
    Table(
        "dinars",
        ["currencies"],
        book([item("A", 12345)], [TEN], currency="KWD"),
        [case("percent", "10 % of 12.345 dinars is 1.235.", basket(("A", 1)), total=11110, off={"A": 1235})],
    ),
    Table(
        "large",
        ["large"],
        book([item("A", 999_999_999_999), item("B", 500_000_000_001)], [TEN]),
        [
            case(
                "one", "10 % of 9,999,999,999.99.", basket(("A", 1)), total=899_999_999_999, off={"A": 100_000_000_000}
            ),
            case(
                "thousands",
                "Of nine thousand of them: what is multiplied on the way is more than 64 bits.",
                basket(("A", 9_000)),
                total=8_099_999_999_991_900,
                off={"A": 899_999_999_999_100},
            ),
            case(
                "ten-thousand",
                "Ten thousand of another.",
                basket(("B", 10_000)),
                total=4_500_000_000_009_000,
                off={"B": 500_000_000_001_000},
            ),
        ],
    ),
    Table(
        "large-shares",
        ["large", "shares"],
        book([item("A", 900_000_000_000), item("B", 300_000_000_000), item("C", 600_000_000_001)], [LESS]),
        [
            case(
                "shared",
                "A large amount over large lines.",
                basket(("A", 1), ("B", 1)),
                total=200_000_000_000,
                off={"A": 750_000_000_000, "B": 250_000_000_000},
            ),
            case(
                "odd",
                "To the cent.",
                basket(("A", 1), ("C", 1)),
                total=500_000_000_001,
                off={"A": 600_000_000_000, "C": 400_000_000_000},
            ),
        ],
    ),
    Table(
        "many-lines",
        ["many-lines", "shares"],
        book(
            [item(f"SKU-{n:03}", 100) for n in range(60)],
            [promotion("less", {"kind": "amount", "amount": 100, "on": "order"})],
        ),
        [
            case(
                "sixty",
                "1.00 over sixty equals: two cents for the first forty, one for the others.",
                basket(*((f"SKU-{n:03}", 1) for n in range(60))),
                total=5900,
                off={f"SKU-{n:03}": 2 if n < 40 else 1 for n in range(60)},
            ),
            case(
                "sixty-backwards",
                "And backwards.",
                basket(*((f"SKU-{n:03}", 1) for n in reversed(range(60)))),
                total=5900,
                off={f"SKU-{n:03}": 2 if n < 40 else 1 for n in range(60)},
            ),
        ],
    ),
    Table(
        "line-order",
        ["line-order", "lanes", "bundle", "buy-get"],
        book([item("A", 1000), item("B", 600), item("C", 700)], MEETING),
        [
            case(
                "".join(sku for sku, _ in order).lower(),
                "Promotions that meet: the same quote whatever the order of the lines.",
                basket(*order),
                total=3600,
                landed={
                    "A": [("pair", 118), ("last", 51)],
                    "B": [("three", 600), ("last", 32)],
                    "C": [("pair", 82), ("last", 17)],
                },
            )
            for order in permutations(WANTED)
        ],
    ),
]
