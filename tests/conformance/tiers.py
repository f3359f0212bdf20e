"""Tiers: the further, the more."""

from tests.books import basket, book, item, promotion
from tests.conformance.cases import Table, case

BY_QUANTITY = {
    "kind": "tiers",
    "by": "quantity",
    "steps": [{"at": 2, "share": 500}, {"at": 5, "share": 1000}, {"at": 10, "share": 1500}],
}
BY_SUBTOTAL = {"kind": "tiers", "by": "subtotal", "steps": [{"at": 5000, "amount": 500}, {"at": 10000, "amount": 1500}]}
BY_PRICE = {"kind": "tiers", "by": "quantity", "steps": [{"at": 3, "price": 900}, {"at": 6, "price": 800}]}
MIXED = {
    "kind": "tiers",
    "by": "subtotal",
    "steps": [{"at": 1000, "share": 100}, {"at": 3000, "amount": 600}, {"at": 5000, "price": 700}],
}

TABLES = [
    Table(
        "tiers-by-quantity",
        ["tiers", "percent"],
        book([item("A", 1000), item("B", 500)], [promotion("more", BY_QUANTITY)]),
        [
            case("below", "One is too few.", basket(("A", 1)), total=1000, off={}, why={"more": "quantity"}),
            case("first", "5 % from two on.", basket(("A", 2)), total=1900, off={"A": 100}),
            case("still-first", "And with four.", basket(("A", 4)), total=3800, off={"A": 200}),
            case("second", "10 % from five on.", basket(("A", 5)), total=4500, off={"A": 500}),
            case("last", "15 % from ten on.", basket(("A", 10)), total=8500, off={"A": 1500}),
            case("beyond", "And with a hundred.", basket(("A", 100)), total=85000, off={"A": 15000}),
            case("together", "Lines count together.", basket(("A", 3), ("B", 2)), total=3600, off={"A": 300, "B": 100}),
        ],
    ),
    Table(
        "tiers-by-subtotal",
        ["tiers", "amount"],
        book([item("A", 4999), item("B", 5000), item("C", 1)], [promotion("more", BY_SUBTOTAL)]),
        [
            case("cent-below", "49.99 is a cent too little.", basket(("A", 1)), total=4999, off={}),
            case("exactly", "50.00 is enough.", basket(("B", 1)), total=4500, off={"B": 500}),
            case("cent-makes-it", "49.99 and 0.01 are 50.00.", basket(("A", 1), ("C", 1)), total=4500, off={"A": 500}),
            case("second", "15.00 from 100.00 on.", basket(("B", 2)), total=8500, off={"B": 1500}),
            case(
                "between", "99.99 is the first step.", basket(("A", 1), ("B", 1)), total=9499, off={"A": 250, "B": 250}
            ),
        ],
    ),
    Table(
        "tiers-by-price",
        ["tiers", "fixed-price"],
        book([item("A", 1000), item("B", 850)], [promotion("more", BY_PRICE)]),
        [
            case("two", "Two at their price.", basket(("A", 2)), total=2000, off={}),
            case("three", "Three at 9.00.", basket(("A", 3)), total=2700, off={"A": 300}),
            case("six", "Six at 8.00.", basket(("A", 6)), total=4800, off={"A": 1200}),
            case(
                "cheaper-anyway",
                "What costs less keeps its price.",
                basket(("A", 2), ("B", 1)),
                total=2650,
                off={"A": 200},
            ),
        ],
    ),
    Table(
        "tiers-mixed",
        ["tiers"],
        book([item("A", 1000)], [promotion("more", MIXED)]),
        [
            case("share", "First a share,", basket(("A", 2)), total=1980, off={"A": 20}),
            case("amount", "then an amount,", basket(("A", 3)), total=2400, off={"A": 600}),
            case("price", "then a price.", basket(("A", 5)), total=3500, off={"A": 1500}),
        ],
    ),
]
