"""Conditions: what a promotion is about, where and for whom it holds."""

from typing import Any

from tests.books import STORES, WEB, basket, book, item, promotion
from tests.conformance.cases import Case, Table, case

ITEMS = [
    item("CASE", 1000, category="cases", brand="acme", product="case", attributes=[("colour", "black"), ("size", "m")]),
    item(
        "CASE-RED", 1000, category="cases", brand="acme", product="case", attributes=[("colour", "red"), ("size", "m")]
    ),
    item("LEATHER", 2000, category="leather-cases", brand="zeta", attributes=[("colour", "black"), ("size", "l")]),
    item("CABLE", 500, category="accessories", brand="zeta"),
    item("NAMELESS", 700, category="things"),
    item("PHONE", 79900, category="phones", brand="acme"),
]
TEN = {"kind": "percent", "share": 1000}


def table(name: str, conditions: dict[str, Any], cases: list[Case], **more: Any) -> Table:  # noqa: ANN401 - as promotion
    """10 % off what these conditions say."""
    ten = promotion("ten", TEN, conditions=conditions, **more)
    return Table(name, ["conditions", "percent"], book(ITEMS, [ten]), cases)


def about(name: str, conditions: dict[str, Any], cases: list[Case]) -> Table:
    """10 % off these items."""
    return table(name, {"items": conditions}, cases)


ALL = basket(*((one.sku, 1) for one in ITEMS))
"""10.00, 10.00, 20.00, 5.00, 7.00, 799.00: 851.00 in all."""

TABLES = [
    about(
        "condition-none",
        {},
        [case("everything", "An empty selector matches everything.", ALL, total=76590, by={"ten": 8510})],
    ),
    about(
        "condition-sku",
        {"skus": ["CASE", "CABLE"]},
        [
            case("these", "These skus.", ALL, total=84950, off={"CASE": 100, "CABLE": 50}),
            case("other", "No other.", basket(("CASE-RED", 1)), total=1000, off={}, why={"ten": "no_matching_item"}),
        ],
    ),
    about(
        "condition-product",
        {"products": ["case"]},
        [case("variants", "A product is all its variants.", ALL, total=84900, off={"CASE": 100, "CASE-RED": 100})],
    ),
    about(
        "condition-category",
        {"categories": ["cases"]},
        [
            case(
                "with-all-below",
                "A category is all that hangs below it.",
                ALL,
                total=84700,
                off={"CASE": 100, "CASE-RED": 100, "LEATHER": 200},
            ),
            case("not-above", "What hangs above it is not in it.", basket(("CABLE", 1)), total=500, off={}),
        ],
    ),
    about(
        "condition-top-category",
        {"categories": ["accessories", "phones"]},
        [case("two-levels", "Also two levels below.", ALL, total=76660, by={"ten": 8440})],
    ),
    about(
        "condition-unknown-category",
        {"categories": ["umbrellas"]},
        [case("nothing", "A category that is not in the tree has nothing in it.", ALL, total=85100, by={})],
    ),
    about(
        "condition-brand",
        {"brands": ["zeta"]},
        [
            case("brand", "A brand.", ALL, total=84850, off={"LEATHER": 200, "CABLE": 50}),
            case("without-brand", "What has no brand is of none.", basket(("NAMELESS", 1)), total=700, off={}),
        ],
    ),
    about(
        "condition-attribute",
        {"attributes": [("colour", "black"), ("colour", "blue")]},
        [case("any-value", "Any of a name's values.", ALL, total=84800, off={"CASE": 100, "LEATHER": 200})],
    ),
    about(
        "condition-attributes",
        {"attributes": [("colour", "black"), ("colour", "red"), ("size", "m")]},
        [case("every-name", "Every name must match.", ALL, total=84900, off={"CASE": 100, "CASE-RED": 100})],
    ),
    about(
        "condition-together",
        {"categories": ["accessories"], "brands": ["acme"], "attributes": [("colour", "red")]},
        [case("all-of-them", "Every field that is said must hold.", ALL, total=85000, off={"CASE-RED": 100})],
    ),
    about(
        "condition-but-not",
        {"categories": ["accessories"], "but_not": {"brands": ["zeta"]}},
        [
            case("but-not", "All of a category but a brand.", ALL, total=84900, off={"CASE": 100, "CASE-RED": 100}),
            case(
                "only-those",
                "Only what it is not about.",
                basket(("LEATHER", 1)),
                total=2000,
                off={},
                why={"ten": "no_matching_item"},
            ),
        ],
    ),
    about(
        "condition-but-nothing",
        {"skus": ["CASE"], "but_not": {}},
        [case("everything-excepted", "To except everything leaves nothing.", ALL, total=85100, by={})],
    ),
    table(
        "condition-quantity",
        {"items": {"categories": ["cases"]}, "quantity": 3},
        [
            case("two", "Two are too few.", basket(("CASE", 2)), total=2000, off={}, why={"ten": "quantity"}),
            case("three", "Three are enough.", basket(("CASE", 3)), total=2700, off={"CASE": 300}),
            case(
                "across-lines",
                "Lines count together.",
                basket(("CASE", 1), ("CASE-RED", 2)),
                total=2700,
                off={"CASE": 100, "CASE-RED": 200},
            ),
            case(
                "others-do-not-count",
                "Others do not count.",
                basket(("CASE", 2), ("CABLE", 5)),
                total=4500,
                off={},
                why={"ten": "quantity"},
            ),
        ],
    ),
    table(
        "condition-subtotal",
        {"items": {"but_not": {"categories": ["phones"]}}, "subtotal": 2700},
        [
            case(
                "cent-short",
                "26.99 would be too little; 25.00 is.",
                basket(("LEATHER", 1), ("CABLE", 1)),
                total=2500,
                off={},
                why={"ten": "subtotal"},
            ),
            case(
                "exactly",
                "27.00 is enough.",
                basket(("LEATHER", 1), ("NAMELESS", 1)),
                total=2430,
                off={"LEATHER": 200, "NAMELESS": 70},
            ),
            case(
                "phones-do-not-count",
                "A phone does not count.",
                basket(("LEATHER", 1), ("PHONE", 1)),
                total=81900,
                why={"ten": "subtotal"},
            ),
        ],
    ),
    table(
        "condition-channel",
        {"channels": [STORES]},
        [
            case("in-it", "In its channel.", basket(("CASE", 1), channel=STORES), total=900, by={"ten": 100}),
            case("elsewhere", "Elsewhere nobody even speaks of it.", basket(("CASE", 1)), total=1000, by={}, why={}),
        ],
    ),
    table(
        "condition-both-channels",
        {"channels": [STORES, WEB]},
        [
            case("stores", "Here,", basket(("CASE", 1), channel=STORES), total=900),
            case("web", "and there.", basket(("CASE", 1)), total=900),
        ],
    ),
    table(
        "condition-store",
        {"stores": ["berlin-1", "berlin-2"]},
        [
            case("in-it", "In one of its stores.", basket(("CASE", 1), channel=STORES, store="berlin-2"), total=900),
            case(
                "other-store",
                "Not in another.",
                basket(("CASE", 1), channel=STORES, store="hamburg"),
                total=1000,
                why={"ten": "store"},
            ),
            case("no-store", "Not where there is no store.", basket(("CASE", 1)), total=1000, why={"ten": "store"}),
        ],
    ),
    table(
        "condition-group",
        {"groups": ["staff", "press"]},
        [
            case("member", "In one of its groups.", basket(("CASE", 1), customer={"groups": ["press"]}), total=900),
            case(
                "of-several",
                "Among others.",
                basket(("CASE", 1), customer={"groups": ["students", "staff"]}),
                total=900,
            ),
            case(
                "other-group",
                "In another.",
                basket(("CASE", 1), customer={"groups": ["students"]}),
                total=1000,
                why={"ten": "group"},
            ),
            case("nobody", "Nobody in particular.", basket(("CASE", 1)), total=1000, why={"ten": "group"}),
        ],
    ),
    table(
        "condition-first-purchase",
        {"first_purchase": True},
        [
            case("first", "A first purchase.", basket(("CASE", 1), customer={"first_purchase": True}), total=900),
            case("not-first", "Any other.", basket(("CASE", 1)), total=1000, why={"ten": "not_first_purchase"}),
        ],
    ),
    table(
        "condition-several",
        {"stores": ["berlin-1"], "groups": ["staff"], "first_purchase": True, "quantity": 2},
        [
            case(
                "all",
                "All of them hold.",
                basket(
                    ("CASE", 2),
                    channel=STORES,
                    store="berlin-1",
                    customer={"groups": ["staff"], "first_purchase": True},
                ),
                total=1800,
            ),
            case(
                "one-missing",
                "One does not.",
                basket(
                    ("CASE", 1),
                    channel=STORES,
                    store="berlin-1",
                    customer={"groups": ["staff"], "first_purchase": True},
                ),
                total=1000,
                why={"ten": "quantity"},
            ),
            case("none", "The first that does not is named.", basket(("CASE", 1)), total=1000, why={"ten": "store"}),
        ],
    ),
    table(
        "buy-six",
        {"quantity": 6},
        [
            case("six", "Buy six, 10 % off.", basket(("CASE", 6)), total=5400, off={"CASE": 600}),
            case("five", "Five are five.", basket(("CASE", 5)), total=5000, off={}),
        ],
    ),
    Table(
        "buy-six-forty-off",
        ["conditions", "percent", "field-notes"],
        book([item("MUG", 999)], [promotion("forty", {"kind": "percent", "share": 4000}, conditions={"quantity": 6})]),
        [
            case("six", "Buy six, 40 % off: 59.94 less 23.98.", basket(("MUG", 6)), total=3596, off={"MUG": 2398}),
            case("five", "Five pay their price.", basket(("MUG", 5)), total=4995, off={}, why={"forty": "quantity"}),
            case("seven", "Seven have it, too.", basket(("MUG", 7)), total=4196, off={"MUG": 2797}),
        ],
    ),
]
