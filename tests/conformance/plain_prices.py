"""Prices without promotions: which one is charged, from when, and what has none."""

from pricing.rules.book import Price
from tests.books import LONG_AGO, NOON, STORES, WEB, basket, book, item, us
from tests.conformance.cases import Table, case

SALE, OVER = us("2026-11-01T09:00:00Z"), us("2026-11-08T09:00:00Z")
JUNE, DECEMBER = us("2026-06-01T00:00:00Z"), us("2026-12-01T00:00:00Z")
FORESEEN = us("2027-01-01T00:00:00Z")
"""What the books of the tables are complete until."""

PLAIN = book(
    [
        item("CASE", 1999),
        item("CHARGER", 2999, channels={WEB: [Price(LONG_AGO, None, 2799)]}),
        item("WATCH", 19900, channels={STORES: [Price(SALE, OVER, 18900)]}),
        item("CABLE", Price(LONG_AGO, NOON, 999), Price(NOON, None, 1099)),
        item("RADIO", Price(LONG_AGO, JUNE, 500), Price(DECEMBER, None, 600)),
        item("SECRET", channels={WEB: [Price(LONG_AGO, None, 100)]}),
        item("LEAFLET", 0),
        item("DEAR-HERE", 1000, channels={WEB: [Price(LONG_AGO, None, 1200)]}),
    ]
)

TABLES = [
    Table(
        "prices",
        ["prices"],
        PLAIN,
        [
            case("one", "One unit costs its price.", basket(("CASE", 1)), total=1999, off={}),
            case("three", "Three units cost three times as much.", basket(("CASE", 3)), total=5997),
            case("two-skus", "Lines add up.", basket(("CASE", 2), ("CABLE", 1)), total=5097),
            case(
                "sku-twice",
                "Two lines may be of one sku.",
                basket(("CASE", 1, "a"), ("CASE", 2, "b")),
                total=5997,
                prices={"a": 1999, "b": 1999},
            ),
            case("free", "What costs nothing costs nothing.", basket(("LEAFLET", 5)), total=0, tax=0),
            case("free-beside", "And does not change others.", basket(("LEAFLET", 5), ("CASE", 1)), total=1999),
            case("many", "Ten thousand units of a line.", basket(("CASE", 10_000)), total=19_990_000),
            case("shipping", "Shipping is paid on top.", basket(("CASE", 1), shipping=499), total=2498, shipping=499),
        ],
    ),
    Table(
        "channel-prices",
        ["prices", "channels"],
        PLAIN,
        [
            case(
                "cheaper-online",
                "A channel's own price is charged; the recommended one is said beside it.",
                basket(("CHARGER", 1)),
                total=2799,
                prices={"CHARGER": 2799},
                recommended={"CHARGER": 2999},
                prior={},
            ),
            case(
                "recommended-in-stores",
                "A channel without one charges the recommended price.",
                basket(("CHARGER", 1), channel=STORES),
                total=2999,
                prices={"CHARGER": 2999},
            ),
            case("dearer-online", "A channel's price may be higher.", basket(("DEAR-HERE", 1)), total=1200),
            case(
                "before",
                "A microsecond before its channel price begins, a watch costs its recommended price.",
                basket(("WATCH", 1), channel=STORES),
                SALE - 1,
                total=19900,
                prior={},
            ),
            case(
                "begins",
                "At the instant itself it is in force, and is less than what was asked before.",
                basket(("WATCH", 1), channel=STORES),
                SALE,
                total=18900,
                prior={"WATCH": 19900},
                since={"WATCH": SALE},
            ),
            case(
                "last-microsecond",
                "It is in force up to the last microsecond before its end.",
                basket(("WATCH", 1), channel=STORES),
                OVER - 1,
                total=18900,
                prior={"WATCH": 19900},
            ),
            case(
                "ends",
                "At its end it is over.",
                basket(("WATCH", 1), channel=STORES),
                OVER,
                total=19900,
                prior={},
            ),
            case("other-channel", "The other channel never had it.", basket(("WATCH", 1)), SALE, total=19900),
        ],
    ),
    Table(
        "price-series",
        ["prices", "instants"],
        PLAIN,
        [
            case("before", "A microsecond before, the old price.", basket(("CABLE", 1)), NOON - 1, total=999),
            case("at", "At the instant itself, the new one.", basket(("CABLE", 1)), NOON, total=1099, prior={}),
            case("after", "And after it.", basket(("CABLE", 1)), NOON + 1, total=1099, prior={}),
            case("before-the-gap", "Before a gap it is sold.", basket(("RADIO", 2)), JUNE - 1, total=1000),
            case(
                "gap-begins",
                "In a gap it is not sold, from its first instant on.",
                basket(("RADIO", 1)),
                JUNE,
                refused=("not_priced", "RADIO"),
            ),
            case("in-the-gap", "In a gap it is not sold.", basket(("RADIO", 1)), refused=("not_priced", "RADIO")),
            case(
                "gap-ends-almost",
                "Up to its last microsecond.",
                basket(("RADIO", 1)),
                DECEMBER - 1,
                refused=("not_priced", "RADIO"),
            ),
            case("after-the-gap", "After it, it is.", basket(("RADIO", 1)), DECEMBER, total=600, prior={}),
            case(
                "before-everything",
                "Before its first price nothing is sold.",
                basket(("CASE", 1)),
                LONG_AGO - 1,
                refused=("not_priced", "CASE"),
            ),
            case(
                "first-instant",
                "At the first instant of its first price it is.",
                basket(("CASE", 1)),
                LONG_AGO,
                total=1999,
            ),
        ],
    ),
    Table(
        "refusals",
        ["refusals"],
        PLAIN,
        [
            case(
                "no-recommended-price",
                "Without a recommended price it is not sold, whatever a channel charges.",
                basket(("SECRET", 1)),
                refused=("not_priced", "SECRET"),
            ),
            case(
                "unknown-sku",
                "A sku that is not in the book.",
                basket(("NOTHING", 1)),
                refused=("unknown_sku", "NOTHING"),
            ),
            case(
                "unknown-sku-among-others",
                "The line is named by its key.",
                basket(("CASE", 1), ("NOTHING", 1, "line-2")),
                refused=("unknown_sku", "line-2"),
            ),
            case(
                "beyond-the-book",
                "Where a book is not complete any more it does not say that there is no price,",
                basket(("SECRET", 1)),
                FORESEEN,
                refused=("beyond_book", "SECRET"),
            ),
            case(
                "beyond-the-book-unknown",
                "or no such sku: a newer one may have both.",
                basket(("NOTHING", 1)),
                FORESEEN,
                refused=("beyond_book", "NOTHING"),
            ),
            case(
                "almost-beyond-the-book",
                "Up to the microsecond before, it does.",
                basket(("NOTHING", 1)),
                FORESEEN - 1,
                refused=("unknown_sku", "NOTHING"),
            ),
            case(
                "priced-beyond-the-book",
                "What it has a price for is sold by it, as long as no newer one is there.",
                basket(("CASE", 1)),
                FORESEEN,
                total=1999,
            ),
            case(
                "unknown-channel",
                "A channel that is none of the market's.",
                basket(("CASE", 1), channel="web-at"),
                refused=("unknown_channel", None),
            ),
            case(
                "unknown-channel-first",
                "The channel is looked at before the lines.",
                basket(("NOTHING", 1), channel="web-at"),
                refused=("unknown_channel", None),
            ),
            case(
                "duplicate-line",
                "Two lines of one key.",
                basket(("CASE", 1, "a"), ("CABLE", 1, "a")),
                refused=("duplicate_line", "a"),
            ),
            case(
                "duplicate-line-first",
                "What lines are called is looked at before what they are of.",
                basket(("NOTHING", 1, "a"), ("CABLE", 1, "b"), ("CASE", 1, "b")),
                refused=("duplicate_line", "b"),
            ),
            case(
                "first-by-key",
                "Of two lines to blame the one with the lower key is named,",
                basket(("NOTHING", 1, "a"), ("SECRET", 1, "b")),
                refused=("unknown_sku", "a"),
            ),
            case(
                "first-by-key-whatever-the-order",
                "whatever the order in which they come.",
                basket(("SECRET", 1, "b"), ("NOTHING", 1, "a")),
                refused=("unknown_sku", "a"),
            ),
            case(
                "sku-is-case-sensitive",
                "A sku is its exact text.",
                basket(("case", 1)),
                refused=("unknown_sku", "case"),
            ),
        ],
    ),
]
