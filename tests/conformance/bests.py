"""Inside a lane: of all ways to combine its promotions, the best for the customer."""

from tests.books import basket, book, promotion
from tests.conformance.cases import Table, case
from tests.conformance.lanes import QUADS, amount, pair, percent, table

TABLES = [
    table(
        "best-of-two",
        [percent("ten", 1000), percent("fifteen", 1500)],
        [
            case(
                "better",
                "15 % are better than 10 %.",
                basket(("A", 1)),
                total=8500,
                by={"fifteen": 1500},
                why={"ten": "better_one"},
            )
        ],
        "best-of",
    ),
    table(
        "best-of-each-line",
        [percent("ten", 1000), amount("three", 300)],
        [
            case(
                "line-by-line",
                "Each line takes what is best for it.",
                basket(("A", 1), ("B", 1)),
                total=9700,
                landed={"A": [("ten", 1000)], "B": [("three", 300)]},
                by={"ten": 1000, "three": 300},
            ),
            case(
                "one-for-all",
                "Where one is best for all the other has lost.",
                basket(("B", 1), ("C", 1)),
                total=2400,
                by={"three": 600},
                why={"ten": "better_one"},
            ),
        ],
        "best-of",
    ),
    table(
        "best-of-ties-id",
        [percent("a", 1000), amount("b", 100)],
        [
            case(
                "lower-id",
                "As good: the lower id.",
                basket(("B", 1)),
                total=900,
                by={"a": 100},
                why={"b": "better_one"},
            )
        ],
        "best-of",
        "ties",
    ),
    table(
        "best-of-ties-priority",
        [percent("a", 1000, priority=1), amount("b", 100, priority=7), amount("c", 100, priority=7)],
        [
            case(
                "higher-priority",
                "As good: the higher priority, then the lower id.",
                basket(("B", 1)),
                total=900,
                by={"b": 100},
            ),
            case(
                "better-beats-priority",
                "Better for the customer is better, whatever the priority.",
                basket(("A", 1)),
                total=9000,
                by={"a": 1000},
            ),
        ],
        "best-of",
        "ties",
        "priority",
    ),
    table(
        "best-of-together",
        [percent("ten", 1000), amount("five", 500, "order")],
        [
            case(
                "order-wins",
                "5.00 off the order are more than 10 % of 40.00.",
                basket(("C", 1), ("D", 1)),
                total=3500,
                by={"five": 500},
                why={"ten": "better_one"},
            ),
            case(
                "lines-win",
                "10 % of 100.00 and 20.00 are more.",
                basket(("A", 1), ("C", 1)),
                total=10800,
                by={"ten": 1200},
                why={"five": "better_one"},
            ),
        ],
        "best-of",
    ),
    table(
        "best-of-bundle-and-lines",
        [
            promotion(
                "set",
                {
                    "kind": "bundle",
                    "price": 78000,
                    "parts": [{"items": {"categories": ["phones"]}}, {"items": {"categories": ["cases"]}}],
                },
            ),
            percent("ten", 1000, conditions={"items": {"but_not": {"categories": ["phones"]}}}),
        ],
        [
            case(
                "both",
                "The set takes its lines, 10 % are left for the others.",
                basket(("PHONE", 1), ("COVER", 1), ("A", 1)),
                total=87000,
                by={"set": 3900, "ten": 1000},
            ),
            case(
                "lines-alone",
                "Without a phone, 10 % off all.",
                basket(("COVER", 1), ("A", 1)),
                total=10800,
                by={"ten": 1200},
            ),
        ],
        "best-of",
        "bundle",
    ),
    Table(
        "best-combination",
        ["lanes", "best-of", "bundle"],
        book(QUADS, [pair("x", 1000, "B", "C"), pair("y", 700, "A", "B"), pair("z", 700, "C", "D")]),
        [
            case(
                "two-beat-the-best",
                "Two that save 7.00 each are better than one that saves 10.00 and is in the way of both.",
                basket(("A", 1), ("B", 1), ("C", 1), ("D", 1)),
                total=6600,
                by={"y": 700, "z": 700},
                why={"x": "better_one"},
            ),
            case(
                "one-is-missing",
                "With one of them gone the best is the best.",
                basket(("B", 1), ("C", 1), ("D", 1)),
                total=5000,
                by={"x": 1000},
            ),
        ],
    ),
    Table(
        "best-combination-chain",
        ["lanes", "best-of", "bundle"],
        book(
            QUADS,
            [
                pair("p", 500, "A", "B"),
                pair("q", 800, "B", "C"),
                pair("r", 900, "C", "D"),
                pair("s", 800, "D", "E"),
                pair("t", 500, "E", "F"),
            ],
        ),
        [
            case(
                "chain",
                "Of five in a chain: 5.00, 9.00 and 5.00 are 19.00, more than 8.00 and 8.00.",
                basket(*((sku, 1) for sku in "ABCDEF")),
                total=10100,
                by={"p": 500, "r": 900, "t": 500},
            ),
            case(
                "shorter-chain",
                "Without the ends: 8.00 and 8.00 are more than 9.00.",
                basket(*((sku, 1) for sku in "BCDE")),
                total=6400,
                by={"q": 800, "s": 800},
            ),
        ],
    ),
    Table(
        "best-combination-with-lines",
        ["lanes", "best-of", "bundle"],
        book(
            QUADS,
            [
                pair("x", 500, "A", "B"),
                percent("ten", 1000, conditions={"items": {"skus": ["A", "C"]}}),
                amount("three", 300, conditions={"items": {"skus": ["B"]}}),
            ],
        ),
        [
            case(
                "tie",
                "10 % off A and 3.00 off B are as good as the pair: line by line wins.",
                basket(("A", 1), ("B", 1)),
                total=3500,
                by={"ten": 200, "three": 300},
                why={"x": "better_one"},
            ),
            case(
                "not-with-the-others",
                "Without B the pair is none.",
                basket(("A", 1), ("C", 1)),
                total=3600,
                by={"ten": 400},
                why={"three": "no_matching_item", "x": "quantity"},
            ),
        ],
    ),
    table(
        "best-of-ties-together",
        [percent("b", 1000, priority=1), amount("a", 300, "order"), amount("c", 400, "order", priority=2)],
        [
            case(
                "better",
                "4.00 are better than 3.00, whatever the priorities.",
                basket(("B", 1), ("C", 1)),
                total=2600,
                by={"c": 400},
            ),
            case(
                "priority-of-all",
                "4.00 and 10 % of 40.00 are as good: the higher priority wins.",
                basket(("C", 1), ("D", 1)),
                total=3600,
                by={"c": 400},
            ),
        ],
        "best-of",
        "ties",
        "priority",
    ),
    table(
        "best-of-ties-together-id",
        [percent("b", 1000), amount("a", 300, "order")],
        [
            case(
                "lower-id",
                "3.00 and 10 % of 30.00 are as good: the lower id wins.",
                basket(("B", 1), ("C", 1)),
                total=2700,
                by={"a": 300},
                why={"b": "better_one"},
            )
        ],
        "best-of",
        "ties",
    ),
    table(
        "best-of-ties-line-by-line",
        [percent("a", 1000), amount("b", 300, "order")],
        [
            case(
                "lower-id",
                "The same, the other way round.",
                basket(("B", 1), ("C", 1)),
                total=2700,
                by={"a": 300},
                why={"b": "better_one"},
            )
        ],
        "best-of",
        "ties",
    ),
    Table(
        "best-combination-ties",
        ["lanes", "best-of", "bundle", "ties", "priority"],
        book(QUADS, [pair("x", 500, "A", "B"), pair("y", 500, "B", "C"), pair("z", 500, "C", "A", priority=3)]),
        [
            case(
                "priority",
                "Three as good: the higher priority.",
                basket(("A", 1), ("B", 1), ("C", 1)),
                total=5500,
                by={"z": 500},
            ),
            case(
                "enough-for-all",
                "No line takes two of a lane, however many units it has.",
                basket(("A", 2), ("B", 2), ("C", 2)),
                total=11000,
                by={"z": 1000},
            ),
        ],
    ),
    Table(
        "best-combination-equal-sums",
        ["lanes", "best-of", "bundle", "ties", "priority"],
        book(
            QUADS,
            [
                pair("a", 400, "B", "C", priority=2),
                pair("b", 200, "D", "A", priority=2),
                pair("c", 500, "A", "B"),
                pair("d", 100, "C", "D"),
            ],
        ),
        [
            case(
                "the-biggest-first",
                "5.00 and 1.00 are as good as 4.00 and 2.00: those with the one that saves most, not of most priority.",
                basket(("A", 1), ("B", 1), ("C", 1), ("D", 1)),
                total=7400,
                by={"c": 500, "d": 100},
                why={"a": "better_one", "b": "better_one"},
            ),
        ],
    ),
    Table(
        "best-combination-equal-parts",
        ["lanes", "best-of", "bundle", "ties", "priority"],
        book(
            QUADS,
            [
                pair("a", 300, "A", "B"),
                pair("b", 300, "C", "D"),
                pair("c", 300, "B", "C", priority=1),
                pair("d", 300, "D", "A"),
            ],
        ),
        [
            case(
                "the-highest-priority-first",
                "Two of 3.00 each, or the two others: those with the one of the highest priority.",
                basket(("A", 1), ("B", 1), ("C", 1), ("D", 1)),
                total=7400,
                by={"c": 300, "d": 300},
                why={"a": "better_one", "b": "better_one"},
            ),
        ],
    ),
]
