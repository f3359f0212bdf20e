"""Whole price books, promotions of every kind and baskets for the engine's laws.

The worlds are small on purpose: few skus, low prices, round shares, so that promotions meet on the same lines, tie,
reach floors and caps, and leave cents over all the time. Each promotion, line and shop is thrown by dice of its own,
and Hypothesis chooses the dice: that is ten times as fast as to let it draw every field, and it can still leave out
what a failure does not need.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st

from pricing.rules.basket import Basket, BasketLine, Customer
from pricing.rules.book import Book, Item, Price, PriorRule
from pricing.rules.codes import hash_of
from pricing.rules.promotion import Promotion
from tests.books import LONG_AGO, MARKET, NOON, STORES, WEB, book, item, promotion

Fields = dict[str, Any]

HOUR = 3_600_000_000
DAY = 24 * HOUR
SKUS = ["A", "B", "C", "D", "E", "F"]
ROOTS = ["accessories", "phones", "things"]
CATEGORIES = [*ROOTS, "cases", "leather-cases"]
TIMES = [LONG_AGO, NOON - 30 * DAY, NOON - 3 * HOUR, NOON - 1, NOON, NOON + 1, NOON + HOUR]
AMOUNTS = [0, 1, 2, 3, 5, 7, 10, 33, 99, 100, 499]
PRICES = [3, 5, 7, 10, 33, 99, 100, 333, 499, 1999]
SHARES = [1, 333, 1000, 2500, 3333, 5000, 6667, 9999, 10_000]
UNITS = [1, 1, 2, 3]
HOURS = [
    [{"days": [0], "begins": 13 * 60, "until": 14 * 60}],
    [{"days": [0, 1, 2, 3, 4]}],
    [{"days": [6], "until": 180}, {"days": [0], "begins": 60}],
]
seeds = st.integers(0, 2**48)


def _matching(dice: Random) -> Fields:
    kinds: list[Callable[[], Fields]] = [
        dict,
        dict,
        lambda: {"skus": dice.sample(SKUS, dice.randint(1, 3))},
        lambda: {"categories": dice.sample(CATEGORIES, dice.randint(1, 2))},
        lambda: {"brands": ["acme"]},
        lambda: {"products": ["p1", "p2"]},
        lambda: {"attributes": [["colour", "red"], ["colour", "blue"], ["size", "m"]]},
        lambda: {"categories": ["cases"], "brands": ["acme", "umbra"]},
    ]
    return dice.choice(kinds)()


def _selector(dice: Random) -> Fields:
    wanted = _matching(dice)
    but_not = _matching(dice) if dice.random() < 0.2 else {}
    return {**wanted, "but_not": but_not} if but_not else wanted


def _on(dice: Random, *fewer: str) -> Fields:
    places = ["lines", "lines", "cheapest", "order", "shipping"]
    return {"on": dice.choice([one for one in places if one not in fewer]), "units": dice.choice(UNITS)}


def _percent(dice: Random) -> Fields:
    return {**_on(dice), "share": dice.choice(SHARES)}


def _amount(dice: Random) -> Fields:
    return {**_on(dice), "amount": dice.choice(AMOUNTS)}


def _fixed_price(dice: Random) -> Fields:
    return {**_on(dice, "order"), "price": dice.choice(AMOUNTS)}


def _buy_get(dice: Random) -> Fields:
    fields = {"buy": dice.choice(UNITS), "get": dice.choice(UNITS), "share": dice.choice([10_000, *SHARES])}
    gets = {"gets": _selector(dice)} if dice.random() < 0.5 else {}
    return {**fields, **gets, "times": dice.choice([None, None, 1, 2])}


def _bundle(dice: Random) -> Fields:
    parts = [{"items": _selector(dice), "quantity": dice.choice(UNITS)} for _ in range(dice.randint(1, 3))]
    return {"parts": parts, "price": dice.choice(AMOUNTS), "times": dice.choice([None, None, 1, 2])}


def _tiers(dice: Random) -> Fields:
    ats = sorted(dice.sample([0, 1, 2, 3, 5, 100, 300], dice.randint(1, 3)))
    gives: list[Callable[[], Fields]] = [
        lambda: {"share": dice.choice(SHARES)},
        lambda: {"amount": dice.choice(AMOUNTS)},
        lambda: {"price": dice.choice(AMOUNTS)},
    ]
    return {"by": dice.choice(["quantity", "subtotal"]), "steps": [{"at": at, **dice.choice(gives)()} for at in ats]}


def _gift(dice: Random) -> Fields:
    return {"sku": dice.choice(SKUS), "quantity": dice.choice(UNITS)}


KINDS: dict[str, Callable[[Random], Fields]] = {
    "percent": _percent,
    "amount": _amount,
    "fixed_price": _fixed_price,
    "buy_get": _buy_get,
    "bundle": _bundle,
    "tiers": _tiers,
    "gift": _gift,
}


def _hurdle(dice: Random) -> Fields:
    if dice.random() < 0.7:
        return {}
    return dice.choice(
        [
            {"channels": [WEB]},
            {"stores": ["berlin"]},
            {"groups": ["staff"]},
            {"first_purchase": True},
            {"code_hashes": [hash_of(MARKET, "SAVE10")]},
            {"unique_codes": True},
            {"quantity": dice.choice(UNITS)},
            {"subtotal": dice.choice(AMOUNTS)},
            {"hours": dice.choice(HOURS)},
        ]
    )


def a_promotion(seed: int, name: str) -> Promotion:
    """A promotion of any kind, under any conditions."""
    dice = Random(seed)  # noqa: S311 - these dice decide about nobody's money
    kind = dice.choice(list(KINDS))
    return promotion(
        name,
        {"kind": kind, **KINDS[kind](dice)},
        conditions={"items": _selector(dice), **_hurdle(dice), **_hurdle(dice)},
        lane=dice.choice([1, 1, 2]),
        priority=dice.choice([0, 0, 5]),
        exclusive=dice.random() < 0.25,
        cap=dice.choice([None, None, None, None, 0, 1, 10, 100]),
        floor=dice.choice([{}, {}, {}, {"minimum": 2}, {"cost": True}, {"minimum": 1, "cost": True}]),
        limited=dice.random() < 0.5,
        starts=dice.choice(TIMES[:5]),
        ends=dice.choice([None, None, *TIMES[5:]]),
    )


def in_one_lane(promotions: Sequence[Promotion]) -> list[Promotion]:
    """The same, all in lane 1."""
    return [msgspec.structs.replace(one, lane=1) for one in promotions]


def _history(dice: Random) -> list[Price]:
    cuts = sorted(dice.sample(TIMES[1:], dice.choice([0, 0, 1, 2])))
    return [
        Price(begins, ends, dice.choice(PRICES)) for begins, ends in zip([LONG_AGO, *cuts], [*cuts, None], strict=True)
    ]


def some_items(dice: Random) -> list[Item]:
    """Every sku, each with a price, some with a channel's own, some with a cost."""
    return [
        item(
            sku,
            *_history(dice),
            product=dice.choice(["p1", "p2", "p3"]),
            category=dice.choice(CATEGORIES),
            brand=dice.choice([None, "acme", "umbra"]),
            attributes=dice.choice([[], [("colour", "red")], [("colour", "blue"), ("size", "m")]]),
            tax_class=dice.choice(["standard", "reduced", "zero"]),
            costs=[Price(LONG_AGO, None, dice.choice(AMOUNTS))] if dice.random() < 0.5 else [],
            channels={WEB: _history(dice)} if dice.random() < 0.3 else {},
        )
        for sku in SKUS
    ]


def a_book(seed: int, promotions: Sequence[Promotion]) -> Book:
    """A book of either tax regime and rounding with these promotions."""
    dice = Random(seed)  # noqa: S311 - as above
    short = PriorRule(window_days=2, announced_days=1, progressive=True, new_arrivals="none")
    return book(
        some_items(dice),
        promotions,
        included=dice.random() < 0.5,
        rounding=dice.choice(["line", "order"]),
        prior=dice.choice([PriorRule(), short]),
    )


def a_line(seed: int, key: str) -> BasketLine:
    """A few units of a sku."""
    dice = Random(seed)  # noqa: S311 - as above
    return BasketLine(key, dice.choice(SKUS), dice.choice(UNITS))


def a_basket(seed: int, lines: Sequence[BasketLine]) -> Basket:
    """These lines, bought by anybody anywhere."""
    dice = Random(seed)  # noqa: S311 - as above
    customer = Customer(
        groups=dice.sample(["staff", "press"], dice.randint(0, 2)),
        first_purchase=dice.random() < 0.5,
        unlocked=dice.sample(["P0", "P1", "P2", "P3", "P4"], dice.randint(0, 5)),
        used_up=dice.choice([[], [], ["P1"]]),
        asks_who=dice.choice([[], [], ["P2", "P3"]]),
    )
    return Basket(
        channel=dice.choice([WEB, WEB, STORES]),
        store=dice.choice([None, "berlin"]),
        lines=list(lines),
        codes=dice.choice([[], ["SAVE10"], ["save 10", "NOPE"], ["?", "SAVE10"]]),
        shipping=dice.choice([0, 0, 5, 499]),
        customer=customer,
    )


def promotions(most: int = 6) -> st.SearchStrategy[list[Promotion]]:
    """Up to so many promotions, called P0, P1, ..."""
    dice = st.lists(seeds, min_size=most - 3, max_size=most)
    return dice.map(lambda found: [a_promotion(seed, f"P{n}") for n, seed in enumerate(found)])


def books(running: st.SearchStrategy[list[Promotion]] | None = None) -> st.SearchStrategy[Book]:
    """Whole books."""
    return st.builds(a_book, seeds, promotions() if running is None else running)


def baskets(most: int = 6) -> st.SearchStrategy[Basket]:
    """Baskets of up to so many lines, the same sku more than once now and then."""
    dice = st.lists(seeds, min_size=1, max_size=most)
    lines = dice.map(lambda found: [a_line(seed, f"line-{n}") for n, seed in enumerate(found)])
    return st.builds(a_basket, seeds, lines)


instants = st.one_of(st.sampled_from(TIMES[3:]), st.integers(NOON - 40 * DAY, NOON + 7 * DAY))
