"""Codes and limits: what opens a promotion, and when it is used up."""

from typing import Any

from pricing.rules.codes import hash_of
from tests.books import MARKET, basket, book, item, promotion
from tests.conformance.cases import Case, Table, case

TEN = {"kind": "percent", "share": 1000}
SHARED = [hash_of(MARKET, "SAVE-10"), hash_of(MARKET, "ZEHN")]


def table(name: str, conditions: dict[str, Any], cases: list[Case], *features: str, limited: bool = False) -> Table:
    """10 % off 10.00, if something opens it."""
    ten = promotion("ten", TEN, conditions=conditions, limited=limited)
    return Table(name, ["conditions", *features], book([item("A", 1000)], [ten]), cases)


def typed(slug: str, about: str, *codes: str, opens: bool) -> Case:
    """A basket with these codes."""
    why = {} if opens else {"ten": "code"}
    return case(slug, about, basket(("A", 1), codes=list(codes)), total=900 if opens else 1000, why=why)


def known(slug: str, about: str, total: int, why: str | None, *codes: str, **customer: list[str]) -> Case:
    """A basket of a customer of whom something is known."""
    wanted = basket(("A", 1), codes=list(codes), customer=customer)
    return case(slug, about, wanted, total=total, why={"ten": why} if why else {})


TABLES = [
    table(
        "shared-codes",
        {"code_hashes": SHARED},
        [
            typed("as-written", "As it was announced.", "SAVE-10", opens=True),
            typed("other-code", "Another one of its codes.", "ZEHN", opens=True),
            typed("small-letters", "In small letters.", "save-10", opens=True),
            typed("blanks", "With blanks around it, and within.", "  Save -1 0\t", opens=True),
            typed("among-others", "Among others.", "NOTHING", "SAVE-10", "save-10", opens=True),
            typed("none", "Without any.", opens=False),
            typed("wrong", "A wrong one.", "SAVE-11", opens=False),
            typed("empty", "An empty one.", "", opens=False),
            typed("other-hyphen", "U+2010 is no hyphen of ours.", "SAVE\u201010", opens=False),
            typed("long-s", "U+017F is no S, though its capital is one.", "\u017fave-10", opens=False),
            typed("line-feed", "A line feed is no blank.", "SAVE-10\n", opens=False),
            typed("no-break-space", "Nor is U+00A0.", "SAVE-10\u00a0", opens=False),
            typed("full-width", "Full-width letters are others.", "\uff33\uff21\uff36\uff25-10", opens=False),
            typed("underscore", "SAVE_10 is no code at all.", "SAVE_10", opens=False),
        ],
        "codes",
    ),
    table(
        "longest-code",
        {
            "code_hashes": [
                hash_of(MARKET, "A" * 40),
                hash_of(MARKET, "B" * 41),
                hash_of(MARKET, "CC"),
                hash_of(MARKET, "-DD"),
            ]
        },
        [
            typed("forty", "Forty characters are a code.", "a" * 40, opens=True),
            typed("forty-one", "Forty-one are none.", "b" * 41, opens=False),
            typed("two", "Two are none.", "cc", opens=False),
            typed("hyphen-first", "A code begins with a letter or a digit.", "-dd", opens=False),
        ],
        "codes",
    ),
    table(
        "code-of-another-market",
        {"code_hashes": [hash_of("at", "SAVE-10")]},
        [typed("not-here", "A code is a market's own.", "SAVE-10", opens=False)],
        "codes",
    ),
    table(
        "unique-codes",
        {"unique_codes": True},
        [
            known(
                "unlocked", "Whoever keeps the codes says that one opens it.", 900, None, "WHATEVER", unlocked=["ten"]
            ),
            known("not-unlocked", "A code by itself says nothing.", 1000, "code", "WHATEVER"),
            known("other-unlocked", "One that opens another.", 1000, "code", unlocked=["twenty"]),
        ],
        "codes",
        "unique-codes",
        limited=True,
    ),
    table(
        "both-kinds-of-codes",
        {"unique_codes": True, "code_hashes": SHARED},
        [
            known("both", "Where both are asked for, both are needed.", 900, None, "ZEHN", unlocked=["ten"]),
            known("only-shared", "The shared one alone.", 1000, "code", "ZEHN"),
            known("only-unique", "The unique one alone.", 1000, "code", unlocked=["ten"]),
        ],
        "codes",
        "unique-codes",
        limited=True,
    ),
    table(
        "limits",
        {},
        [
            known("left", "There are uses left.", 900, None),
            known("used-up", "There are none.", 1000, "used_up", used_up=["ten"]),
            known("other-used-up", "Of another one there are none.", 900, None, used_up=["twenty"]),
            known("nobody", "Each person has some, and nobody in particular buys.", 1000, "nobody", asks_who=["ten"]),
            known(
                "nobody-used-up", "There are none, whoever buys.", 1000, "used_up", used_up=["ten"], asks_who=["ten"]
            ),
        ],
        "limits",
        limited=True,
    ),
    table(
        "no-limits",
        {},
        [known("cannot-be-used-up", "What has no limit is never used up.", 900, None, used_up=["ten"])],
        "limits",
    ),
    table(
        "code-and-limit",
        {"code_hashes": SHARED},
        [
            known("opened", "Opened, and uses left.", 900, None, "ZEHN"),
            known("opened-used-up", "Opened, and none left.", 1000, "used_up", "ZEHN", used_up=["ten"]),
            known("not-opened", "The code is asked for first.", 1000, "code", used_up=["ten"]),
        ],
        "codes",
        "limits",
        limited=True,
    ),
]
