"""Amounts that are shared out over lines: to the cent, whatever the order of the lines."""

from itertools import permutations

from tests.books import basket, book, item, promotion
from tests.conformance.cases import Table, case

THREE = [("A", 1), ("B", 1), ("C", 1)]

TABLES = [
    Table(
        "shares-361",
        ["amount", "order", "shares", "field-notes"],
        book(
            [item("A", 88), item("B", 94), item("C", 244), item("D", 1)],
            [promotion("less", {"kind": "amount", "amount": 361, "on": "order"})],
        ),
        [
            case(
                "sums-to-66",
                "0.88, 0.94, 2.44, 0.01 less 3.61: what is left sums to 0.66.",
                basket(("A", 1), ("B", 1), ("C", 1), ("D", 1)),
                total=66,
                off={"A": 74, "B": 80, "C": 206, "D": 1},
            ),
            case(
                "backwards",
                "And backwards.",
                basket(("D", 1), ("C", 1), ("B", 1), ("A", 1)),
                total=66,
                off={"A": 74, "B": 80, "C": 206, "D": 1},
            ),
            case(
                "more-than-there-is",
                "No line goes below zero.",
                basket(("A", 1), ("C", 1)),
                total=0,
                off={"A": 88, "C": 244},
            ),
        ],
    ),
    Table(
        "shares-777",
        ["amount", "order", "shares", "line-order", "field-notes"],
        book(
            [item("A", 99), item("B", 4999), item("C", 501)],
            [promotion("less", {"kind": "amount", "amount": 777, "on": "order"})],
        ),
        [
            case(
                "order-" + "".join(sku for sku, _ in order).lower(),
                "0.99, 49.99, 5.01 less 7.77: the same shares whatever the order of the lines.",
                basket(*order),
                total=4822,
                off={"A": 14, "B": 694, "C": 69},
            )
            for order in permutations(THREE)
        ],
    ),
    Table(
        "shares-100-of-equals",
        ["amount", "order", "shares", "field-notes"],
        book(
            [item("A", 0), item("B", 100), item("C", 100), item("D", 100), item("E", 300)],
            [promotion("less", {"kind": "amount", "amount": 100, "on": "order"})],
        ),
        [
            case(
                "zero-line",
                "-1.00 over 0, 1.00, 1.00, 1.00: the zero line gets nothing, the lowest sku the odd cent.",
                basket(("A", 1), ("B", 1), ("C", 1), ("D", 1)),
                total=200,
                landed={"A": [], "B": [("less", 34)], "C": [("less", 33)], "D": [("less", 33)]},
            ),
            case(
                "zero-line-has-the-lowest-key",
                "Whatever its key.",
                basket(("A", 1, "1"), ("B", 1, "2"), ("C", 1, "3"), ("D", 1, "4")),
                total=200,
                off={"2": 34, "3": 33, "4": 33},
            ),
            case("only-zero", "Nothing to take anything off.", basket(("A", 3)), total=0, why={"less": "no_saving"}),
            case("weights", "By what lines are worth.", basket(("B", 1), ("E", 1)), total=300, off={"B": 25, "E": 75}),
            case(
                "quantities-weigh",
                "Units weigh together.",
                basket(("B", 3), ("C", 1)),
                total=300,
                off={"B": 75, "C": 25},
            ),
        ],
    ),
    Table(
        "shares-ties",
        ["amount", "order", "shares", "ties"],
        book(
            [item("A", 100), item("B", 100), item("C", 100), item("E", 300), item("F", 100), item("a", 100)],
            [promotion("less", {"kind": "amount", "amount": 2, "on": "order"})],
        ),
        [
            case(
                "lower-keys",
                "Two cents over three equals: the lower skus.",
                basket(*THREE),
                total=298,
                off={"A": 1, "B": 1},
            ),
            case(
                "heavier-first",
                "Half a cent each is left over: the heavier line has it.",
                basket(("A", 1), ("E", 1)),
                total=398,
                off={"E": 2},
            ),
            case(
                "heavier-first-not-lower-key",
                "Also where its sku is the higher one.",
                basket(("E", 1, "1"), ("A", 1, "2")),
                total=398,
                off={"1": 2},
            ),
            case(
                "by-sku-not-by-key",
                "The lower skus, whatever the lines are called.",
                basket(("A", 1, "3"), ("B", 1, "2"), ("C", 1, "1")),
                total=298,
                off={"2": 1, "3": 1},
            ),
            case(
                "skus-by-code-point",
                "Skus are compared by code point: C comes before a.",
                basket(("a", 1, "1"), ("B", 1, "2"), ("C", 1, "3")),
                total=298,
                off={"2": 1, "3": 1},
            ),
            case(
                "capitals-come-first",
                "The keys of lines that are alike are compared so, too: Z comes before a.",
                basket(("A", 1, "a"), ("A", 1, "Z"), ("A", 1, "b")),
                total=298,
                off={"Z": 1, "a": 1},
            ),
            case(
                "digits-are-text",
                "10 comes before 2 and 9.",
                basket(("A", 1, "9"), ("A", 1, "10"), ("A", 1, "2")),
                total=298,
                off={"10": 1, "2": 1},
            ),
        ],
    ),
]
