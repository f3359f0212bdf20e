"""Tax: included or added, rounded for each line or once for each rate of an order."""

from typing import Any

import msgspec

from pricing.rules.basket import Basket
from pricing.rules.book import Price, Rounding, Tax
from pricing.rules.codes import hash_of
from pricing.rules.promotion import Promotion
from tests.books import LONG_AGO, MARKET, NOON, basket, book, item, promotion, us
from tests.conformance.cases import Case, Table, case

ITEMS = [
    item("CASE", 1999),
    item("MAGAZINE", 999, tax_class="reduced"),
    item("VOUCHER", 2500, tax_class="zero"),
    item("CLIP", 99),
    item("PENNY", 1),
    item("HALF", 150),
]
TEN = promotion("ten", {"kind": "percent", "share": 1000}, conditions={"code_hashes": [hash_of(MARKET, "TEN")]})
ALL = promotion("all", {"kind": "percent", "share": 10_000}, conditions={"code_hashes": [hash_of(MARKET, "ALL")]})

CLIPS = basket(("CLIP", 1, "a"), ("CLIP", 1, "b"), ("CLIP", 1, "c"))
PENNIES = basket(*(("PENNY", 1, key) for key in "abcde"))
MIXED = basket(("CASE", 1), ("MAGAZINE", 1), ("VOUCHER", 1))
SHIPPED = basket(("CASE", 1), shipping=499)


def table(name: str, rounding: Rounding, cases: list[Case], *, included: bool) -> Table:
    """Cases about one of the four ways to tax."""
    features = ["tax", "tax-included" if included else "tax-added", f"rounding-{rounding}"]
    return Table(name, features, book(ITEMS, [TEN, ALL], included=included, rounding=rounding), cases)


def opened(code: str, benefit: dict[str, Any], **more: Any) -> Promotion:  # noqa: ANN401 - of a promotion
    """A promotion that is opened by its name."""
    conditions = {"code_hashes": [hash_of(MARKET, code)], **more.pop("conditions", {})}
    return promotion(code.lower(), benefit, conditions=conditions, **more)


CLIP = {"items": {"skus": ["CLIP"]}}
OF_EVERY_KIND = [
    opened("TEN", {"kind": "percent", "share": 1000}),
    opened("LESS", {"kind": "amount", "amount": 500, "on": "order"}),
    opened("HALF", {"kind": "percent", "share": 5000, "on": "cheapest"}),
    opened("THREE", {"kind": "buy_get", "buy": 2, "get": 1}, conditions=CLIP),
    opened("PAIR", {"kind": "bundle", "price": 2500,
                    "parts": [{"items": {"skus": ["CASE"]}}, {"items": {"skus": ["MAGAZINE"]}}]}),
    opened("TIERS", {"kind": "tiers", "by": "quantity", "steps": [{"at": 3, "price": 80}]}, conditions=CLIP),
    opened("GIFT", {"kind": "gift", "sku": "CLIP"}, conditions={"items": {"skus": ["CASE"]}}),
    opened("BROUGHT", {"kind": "percent", "share": 10_000, "on": "shipping"}),
    opened("CAPPED", {"kind": "percent", "share": 5000}, cap=300),
    opened("FLOOR", {"kind": "fixed_price", "price": 0}, floor={"minimum": 50}, conditions=CLIP),
]  # fmt: skip
PAIR = [("CASE", 1), ("MAGAZINE", 1)]


def across(name: str, *, included: bool, by_hand: dict[str, tuple[int, int, dict[str, int]]]) -> Table:
    """Tax once for each rate of an order, after every kind of promotion: its total, its tax, and whose tax that is."""
    wanted: dict[str, tuple[str, Basket]] = {
        "ten": ("A tenth off each line.", basket(*PAIR, codes=["TEN"])),
        "less": ("5.00 off the order, shared out before it is taxed.", basket(*PAIR, codes=["LESS"])),
        "half": ("Half off one of three clips.", msgspec.structs.replace(CLIPS, codes=["HALF"])),
        "three": ("Three clips for two.", msgspec.structs.replace(CLIPS, codes=["THREE"])),
        "pair": ("A bundle across two rates.", basket(*PAIR, codes=["PAIR"])),
        "tiers": ("Three clips at 0.80.", msgspec.structs.replace(CLIPS, codes=["TIERS"])),
        "gift": ("What is free is not taxed.", basket(("CASE", 1), ("CLIP", 1), codes=["GIFT"])),
        "brought": ("Shipping that is free is not taxed.", basket(("CASE", 1), shipping=499, codes=["BROUGHT"])),
        "shipped": ("Shipping has its share of the tax.", basket(("CASE", 1), shipping=499, codes=["TEN"])),
        "capped": ("At most 3.00 off.", basket(*PAIR, codes=["CAPPED"])),
        "floor": ("Not below 0.50 each.", msgspec.structs.replace(CLIPS, codes=["FLOOR"])),
    }
    features = ["tax", "tax-included" if included else "tax-added", "rounding-order", "promotions"]
    cases = [
        case(slug, about, asked, total=by_hand[slug][0], tax=by_hand[slug][1], taxes=by_hand[slug][2])
        for slug, (about, asked) in wanted.items()
    ]
    return Table(name, features, book(ITEMS, OF_EVERY_KIND, included=included, rounding="order"), cases)


TABLES = [
    across(
        "tax-added-by-order-after-promotions",
        included=False,
        by_hand={
            "ten": (3103, 405, {"CASE": 342, "MAGAZINE": 63}),
            "less": (2873, 375, {"CASE": 317, "MAGAZINE": 58}),
            "half": (294, 47, {"a": 9, "b": 19, "c": 19}),
            "three": (236, 38, {"a": 13, "b": 13, "c": 12}),
            "pair": (2875, 375, {"CASE": 317, "MAGAZINE": 58}),
            "tiers": (286, 46, {"a": 16, "b": 15, "c": 15}),
            "gift": (2379, 380, {"CASE": 380, "CLIP": 0}),
            "brought": (2379, 380, {"CASE": 380}),
            "shipped": (2735, 437, {"CASE": 342}),
            "capped": (3103, 405, {"CASE": 342, "MAGAZINE": 63}),
            "floor": (179, 29, {"a": 10, "b": 10, "c": 9}),
        },
    ),
    across(
        "tax-included-by-order-after-promotions",
        included=True,
        by_hand={
            "ten": (2698, 346, {"CASE": 287, "MAGAZINE": 59}),
            "less": (2498, 320, {"CASE": 266, "MAGAZINE": 54}),
            "half": (247, 39, {"a": 8, "b": 16, "c": 15}),
            "three": (198, 32, {"a": 11, "b": 11, "c": 10}),
            "pair": (2500, 320, {"CASE": 266, "MAGAZINE": 54}),
            "tiers": (240, 38, {"a": 13, "b": 13, "c": 12}),
            "gift": (1999, 319, {"CASE": 319, "CLIP": 0}),
            "brought": (1999, 319, {"CASE": 319}),
            "shipped": (2298, 367, {"CASE": 287}),
            "capped": (2698, 346, {"CASE": 287, "MAGAZINE": 59}),
            "floor": (150, 24, {"a": 8, "b": 8, "c": 8}),
        },
    ),
    table(
        "tax-included-by-line",
        "line",
        [
            case("standard", "19.99 with 19 % in it: 3.19.", basket(("CASE", 1)), total=1999, tax=319),
            case("reduced", "9.99 with 7 % in it: 0.65.", basket(("MAGAZINE", 1)), total=999, tax=65),
            case("zero", "Nothing in what is not taxed.", basket(("VOUCHER", 1)), total=2500, tax=0),
            case("mixed", "Every line at its own rate.", MIXED, total=5498, tax=384),
            case("rounds-each", "Three lines of 0.99: 0.16 in each.", CLIPS, total=297, tax=48),
            case("one-line-of-three", "One line of three: 0.47.", basket(("CLIP", 3)), total=297, tax=47),
            case("pennies", "0.0016 is nothing, five times.", PENNIES, total=5, tax=0),
            case("after-discount", "What is left is taxed.", basket(("CASE", 1), codes=["TEN"]), total=1799, tax=287),
            case("nothing-left", "Nothing left, no tax.", basket(("CASE", 1), codes=["ALL"]), total=0, tax=0),
            case(
                "shipping", "Shipping is taxed at the standard rate.", SHIPPED, total=2498, tax=399, taxes={"CASE": 319}
            ),
        ],
        included=True,
    ),
    table(
        "tax-included-by-order",
        "order",
        [
            case("standard", "One line is as by line.", basket(("CASE", 1)), total=1999, tax=319),
            case("mixed", "Each rate is rounded by itself.", MIXED, total=5498, tax=384),
            case(
                "rounds-once",
                "Three lines of 0.99: 0.47 in all, shared out by largest remainder, ties to the lower key.",
                CLIPS,
                total=297,
                tax=47,
                taxes={"a": 16, "b": 16, "c": 15},
            ),
            case(
                "pennies",
                "0.008 in five pennies is a cent.",
                PENNIES,
                tax=1,
                taxes={"a": 1, "b": 0, "c": 0, "d": 0, "e": 0},
            ),
            case("shipping", "Shipping is one of the lines.", SHIPPED, total=2498, tax=399, taxes={"CASE": 319}),
            case(
                "nothing-left",
                "A line that is free has no share of it.",
                basket(("CASE", 1), ("PENNY", 1), codes=["ALL"]),
                total=0,
                tax=0,
            ),
            case("after-discount", "What is left is taxed.", basket(("CASE", 1), codes=["TEN"]), total=1799, tax=287),
        ],
        included=True,
    ),
    table(
        "tax-added-by-line",
        "line",
        [
            case("standard", "19 % on top of 19.99: 3.80.", basket(("CASE", 1)), total=2379, tax=380),
            case("reduced", "7 % on top of 9.99: 0.70.", basket(("MAGAZINE", 1)), total=1069, tax=70),
            case("zero", "Nothing on top of what is not taxed.", basket(("VOUCHER", 1)), total=2500, tax=0),
            case("mixed", "Every line at its own rate.", MIXED, total=5948, tax=450),
            case("half-goes-up", "28.5 cents are 29.", basket(("HALF", 1)), total=179, tax=29),
            case("rounds-each", "Three lines of 0.99: 0.19 on each.", CLIPS, total=354, tax=57),
            case("pennies", "0.0019 is nothing, five times.", PENNIES, total=5, tax=0),
            case("after-discount", "What is left is taxed.", basket(("CASE", 1), codes=["TEN"]), total=2141, tax=342),
            case("shipping", "Shipping is taxed at the standard rate.", SHIPPED, total=2973, tax=475),
        ],
        included=False,
    ),
    table(
        "tax-added-by-order",
        "order",
        [
            case("standard", "One line is as by line.", basket(("CASE", 1)), total=2379, tax=380),
            case("rounds-once", "56.43 cents are 56.", CLIPS, total=353, tax=56, taxes={"a": 19, "b": 19, "c": 18}),
            case("pennies", "0.95 cents are one.", PENNIES, total=6, tax=1),
            case("mixed", "Each rate is rounded by itself.", MIXED, total=5948, tax=450),
            case(
                "rates-apart",
                "A magazine takes no part in what clips are taxed.",
                basket(("CLIP", 1, "a"), ("CLIP", 1, "b"), ("CLIP", 1, "c"), ("MAGAZINE", 1, "d")),
                total=1422,
                taxes={"a": 19, "b": 19, "c": 18, "d": 70},
            ),
            case("shipping", "Shipping is one of the lines.", SHIPPED, total=2973, tax=475, taxes={"CASE": 380}),
        ],
        included=False,
    ),
    Table(
        "tax-rate-change",
        ["tax", "instants"],
        book(
            [item("PHONE", 11900), item("YACHT", 100, tax_class="luxury")],
            taxes=[
                Tax("luxury", [Price(LONG_AGO, us("2026-06-01T00:00:00Z"), 2500)]),
                Tax("standard", [Price(LONG_AGO, NOON, 1900), Price(NOON, None, 1600)]),
            ],
        ),
        [
            case(
                "before",
                "The old rate up to the last microsecond.",
                basket(("PHONE", 1)),
                NOON - 1,
                total=11900,
                tax=1900,
            ),
            case("at", "The new one from its instant on.", basket(("PHONE", 1)), NOON, total=11900, tax=1641),
            case("no-rate-yet", "While there is a rate it is sold.", basket(("YACHT", 1)), LONG_AGO, total=100, tax=20),
            case(
                "no-rate", "Without a rate nobody knows the tax.", basket(("YACHT", 1)), refused=("not_taxed", "YACHT")
            ),
        ],
    ),
    Table(
        "shipping-without-rate",
        ["tax", "shipping", "refusals"],
        book([item("MAGAZINE", 999, tax_class="reduced")], taxes=[Tax("reduced", [Price(LONG_AGO, None, 700)])]),
        [
            case("carried-away", "Nothing to bring, nothing to tax.", basket(("MAGAZINE", 1)), total=999, tax=65),
            case(
                "brought", "No standard rate for it.", basket(("MAGAZINE", 1), shipping=1), refused=("not_taxed", None)
            ),
        ],
    ),
]
