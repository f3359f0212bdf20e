"""The engine's laws, over whole books, promotions of every kind and any basket.

The worlds are in `engine_strategies`. Each law that could be broken quietly is broken once on purpose, to see that it
would be noticed.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce.kernel.money import half_up
from pricing.rules import benefits, prepare, quote, quoting
from pricing.rules.basket import Basket, BasketLine
from pricing.rules.book import Book
from pricing.rules.promotion import Matching, Promotion
from pricing.rules.quoted import REASONS, CannotQuote, Quote, QuotedLine, QuotedShipping
from tests.books import NOON, basket, book, item, promotion
from tests.engine_strategies import ROOTS, SKUS, baskets, books, in_one_lane, instants, promotions, seeds

usually = settings(max_examples=600, deadline=None)
WORLDS = 200
one_lane = books(promotions(5).map(in_one_lane))
dice = st.builds(Random, seeds)


def taken(one: Quote, wanted: str) -> int:
    """What a promotion took off, everywhere."""
    return sum(part.amount for line in priced(one) for part in line.discounts if part.promotion == wanted)


def priced(one: Quote) -> list[QuotedLine | QuotedShipping]:
    """All that has a price: the lines, and the shipping."""
    return [*one.lines, *([one.shipping] if one.shipping is not None else [])]


def net_of(one: Quote) -> int:
    """What promotions left of all prices."""
    return sum(line.total for line in priced(one))


def assert_sums(one: Quote, of: Book, asked: Basket) -> None:
    """Every sum in a quote is exact, and nothing is negative."""
    for line in one.lines:
        assert line.discount == sum(part.amount for part in line.discounts)
        assert line.total == line.quantity * line.price - line.discount
    if one.shipping is not None:
        assert one.shipping.total == one.shipping.amount - sum(part.amount for part in one.shipping.discounts)
    assert (one.shipping.amount if one.shipping is not None else 0) == asked.shipping
    assert one.subtotal == sum(line.quantity * line.price for line in one.lines)
    assert one.discount == sum(line.discount for line in one.lines)
    assert one.tax == sum(line.tax for line in priced(one))
    assert one.total == net_of(one) + (0 if of.prices_include_tax else one.tax)
    assert all(line.total >= 0 and line.tax >= 0 for line in priced(one))
    assert all(part.amount > 0 for line in priced(one) for part in line.discounts)


def assert_bounds(one: Quote, of: Book) -> None:
    """No promotion goes below its floor or above its cap, and the verdicts say what was taken."""
    by_id = {each.id: each for each in of.promotions}
    items = {each.sku: each for each in of.items}
    for line in one.lines:
        left = line.quantity * line.price
        costs = items[line.sku].costs
        for part in line.discounts:
            left -= part.amount
            floor = by_id[part.promotion].floor
            cost = costs[0].amount if costs and floor.cost else 0
            assert left >= line.quantity * max(floor.minimum, cost)
    for verdict in one.verdicts:
        cap = by_id[verdict.promotion].cap
        assert verdict.amount == taken(one, verdict.promotion)
        assert verdict.applied == (verdict.amount > 0) == (verdict.reason == "applied")
        assert verdict.reason in REASONS
        assert cap is None or verdict.amount <= cap
    assert [verdict.promotion for verdict in one.verdicts] == sorted({verdict.promotion for verdict in one.verdicts})


@usually
@given(books(), baskets(), instants)
def test_sums_are_exact_and_bounds_are_kept(of: Book, asked: Basket, at: int) -> None:
    one = quote(prepare(of), asked, at)

    assert_sums(one, of, asked)
    assert_bounds(one, of)


def assert_shared(amount: int, charged: Sequence[int]) -> None:
    """An amount off an order comes off to the cent, and every line's share is its share, to less than a cent."""
    of = book(
        [item(sku, price) for sku, price in zip(SKUS, charged, strict=False)],
        [
            promotion("P0", {"kind": "fixed_price", "price": 0}, conditions={"items": {"skus": ["A"]}}, lane=0),
            promotion("P1", {"kind": "amount", "on": "order", "amount": amount}),
        ],
    )
    one = quote(prepare(of), basket(*((sku, 1) for sku, _ in zip(SKUS, charged, strict=False))), NOON)
    worth = sum(charged[1:])

    assert one.discount == charged[0] + min(amount, worth)
    assert all(abs(line.discount * worth - min(amount, worth) * line.price) < worth for line in one.lines[1:])
    assert one.lines[0].total == 0


@usually
@given(st.integers(1, 5000), st.lists(st.integers(1, 2000), min_size=2, max_size=6))
def test_what_comes_off_an_order_is_shared_exactly(amount: int, charged: list[int]) -> None:
    """The first line costs nothing any more, and gets nothing."""
    assert_shared(amount, charged)


def to_the_last(amount: int, weights: Sequence[int], keys: Sequence[str]) -> list[int]:
    """Shares as others give them: each rounded, and whatever is left over falls to the last line."""
    del keys
    parts = [half_up(amount * weight, sum(weights)) for weight in weights]
    return [*parts[:-1], amount - sum(parts[:-1])]


def test_a_remainder_that_goes_to_the_last_line_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benefits, "share_out", to_the_last)

    with pytest.raises(AssertionError):
        test_what_comes_off_an_order_is_shared_exactly()


def shuffled(asked: Basket, die: Random) -> Basket:
    """The same basket, told in another order."""

    def mixed(those: Sequence[Any]) -> list[Any]:
        return die.sample(those, len(those))

    customer = msgspec.structs.replace(
        asked.customer,
        groups=mixed(asked.customer.groups),
        unlocked=mixed(asked.customer.unlocked),
        used_up=mixed(asked.customer.used_up),
    )
    return msgspec.structs.replace(asked, lines=mixed(asked.lines), codes=mixed(asked.codes), customer=customer)


@usually
@given(books(), baskets(), instants, dice)
def test_the_order_in_which_a_basket_is_told_means_nothing(of: Book, asked: Basket, at: int, die: Random) -> None:
    prepared = prepare(of)

    assert quote(prepared, shuffled(asked, die), at) == quote(prepared, asked, at)


def test_lines_taken_as_they_come_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoting, "_key", lambda line: len(line.key))

    with pytest.raises(AssertionError):
        test_the_order_in_which_a_basket_is_told_means_nothing()


def left_out(wanted: Any) -> Any:  # noqa: ANN401 - any kind of benefit
    """The same part of a promotion, with every selector narrowed to what is in the tree of categories."""
    if isinstance(wanted, Matching):
        bare = not (wanted.skus or wanted.products or wanted.categories or wanted.brands or wanted.attributes)
        return msgspec.structs.replace(wanted, categories=ROOTS) if bare else wanted
    if isinstance(wanted, msgspec.Struct):
        narrowed = {name: left_out(getattr(wanted, name)) for name in wanted.__struct_fields__ if name != "but_not"}
        return msgspec.structs.replace(wanted, **narrowed)
    return [left_out(one) for one in wanted] if isinstance(wanted, list) else wanted


narrow = promotions().map(lambda found: [left_out(one) for one in found])


@usually
@given(books(narrow), baskets(), instants, st.integers(1, 3))
def test_a_line_that_no_promotion_is_about_changes_no_other_line(of: Book, asked: Basket, at: int, units: int) -> None:
    """Where tax is rounded once for an order its cents are shared out anew: there taxes are left aside."""
    of = msgspec.structs.replace(of, items=[*of.items, item("U", 777, category="", product="u")])
    more = msgspec.structs.replace(asked, lines=[*asked.lines, BasketLine("more", "U", units)])
    prepared = prepare(of)

    before, after = quote(prepared, asked, at), quote(prepared, more, at)

    assert [line.key for line in after.lines if line.sku == "U"] == ["more"]
    assert after.subtotal - before.subtotal == 777 * units == after.lines[-1].total
    assert without_tax(after, of)[:-1] == without_tax(before, of)
    assert after.verdicts == before.verdicts
    assert after.gifts == before.gifts


def without_tax(one: Quote, of: Book) -> list[QuotedLine]:
    """The lines; without their taxes where those are shares of a whole order's."""
    whole = of.tax_rounding == "order"
    return [msgspec.structs.replace(line, tax=0) if whole else line for line in one.lines]


def better(benefit: Any, die: Random) -> Any:  # noqa: ANN401 - any kind of benefit
    """The same benefit, or a more generous one of its kind."""
    more: dict[str, Callable[[Any], Any]] = {
        "share": lambda share: die.randint(share, 10_000),
        "amount": lambda amount: amount + die.choice([1, 2, 50]),
        "price": lambda price: max(0, price - die.choice([1, 2, 50])),
        "steps": lambda steps: [better(step, die) for step in steps],
        "times": lambda times: die.choice([times + 1, None]),
        "quantity": lambda quantity: quantity + 1,
        "units": lambda units: units + 1,
    }
    fields = [name for name in benefit.__struct_fields__ if name in more and getattr(benefit, name) is not None]
    return msgspec.structs.replace(benefit, **{name: more[name](getattr(benefit, name)) for name in fields})


@usually
@given(one_lane, baskets(), instants, dice)
def test_a_better_promotion_never_makes_the_customer_pay_more(of: Book, asked: Basket, at: int, die: Random) -> None:
    """Before tax that is added: a cent more off is better, whatever the rates of the lines that it comes off.

    Nothing here has a floor: what a floor keeps of one line's share does not go to another line, and shares of a
    larger amount are not larger on every line.
    """
    open_ended = [msgspec.structs.replace(one, floor=type(one.floor)()) for one in of.promotions]
    n = die.randrange(len(open_ended))
    improved = msgspec.structs.replace(open_ended[n], benefit=better(open_ended[n].benefit, die))
    before = msgspec.structs.replace(of, promotions=open_ended)
    after = msgspec.structs.replace(of, promotions=[*open_ended[:n], improved, *open_ended[n + 1 :]])

    assert net_of(quote(prepare(after), asked, at)) <= net_of(quote(prepare(before), asked, at))


def alone(of: Book, one: Promotion, asked: Basket, at: int) -> dict[str, int]:
    """What a promotion takes off each line where there is no other."""
    found = quote(prepare(msgspec.structs.replace(of, promotions=[one])), asked, at)
    on_lines = {line.key: line.discount for line in found.lines if line.discount}
    return on_lines | ({"shipping": found.shipping.amount - found.shipping.total} if found.shipping else {})


def most_of_all_ways(of: Book, asked: Basket, at: int) -> int:
    """The most that one promotion for each line can take off, by trying every way to choose them."""
    takings = [alone(of, one, asked, at) for one in of.promotions]
    simple = [
        one.cap is None and getattr(one.benefit, "on", "") in {"lines", "shipping"} and hasattr(one.benefit, "units")
        for one in of.promotions
    ]
    keys = sorted({key for taking in takings for key in taking})
    most = 0
    for chosen in product([None, *range(len(takings))], repeat=len(keys)):
        way = dict(zip(keys, chosen, strict=True))
        whole = all(
            simple[n] or {key for key in keys if way[key] == n} in (set(), {key for key in taking if taking[key]})
            for n, taking in enumerate(takings)
        )
        if whole:
            most = max(most, sum(takings[n].get(key, 0) for key, n in way.items() if n is not None))
    return most


def assert_best(of: Book, asked: Basket, at: int) -> None:
    """The engine's choice saves as much as the best of all ways."""
    one = quote(prepare(of), asked, at)

    assert sum(line.quantity * line.price for line in one.lines) + asked.shipping - net_of(one) == most_of_all_ways(
        of, asked, at
    )


@settings(max_examples=300, deadline=None)
@given(books(promotions(4).map(in_one_lane)), baskets(4), instants)
def test_a_lane_finds_what_is_best_of_all_ways_to_combine(of: Book, asked: Basket, at: int) -> None:
    assert_best(of, asked, at)


def test_a_lane_that_takes_the_biggest_first_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes 70 in all stands in the way of two that take 40 each."""
    pair = {"kind": "buy_get", "buy": 1, "get": 1}
    of = book(
        [item("A", 100), item("B", 100), item("C", 100), item("D", 100)],
        [
            promotion("P0", {"kind": "bundle", "parts": _parts("B", "C"), "price": 130}),
            promotion("P1", {"kind": "bundle", "parts": _parts("A", "B"), "price": 160}),
            promotion("P2", {**pair, "share": 4000}, conditions={"items": {"skus": ["C", "D"]}}),
        ],
    )
    asked = basket(("A", 1), ("B", 1), ("C", 1), ("D", 1))
    assert_best(of, asked, NOON)
    monkeypatch.setattr("pricing.rules.lanes._best_set", lambda gains: [max(gains, key=lambda one: one.gain)])

    with pytest.raises(AssertionError):
        assert_best(of, asked, NOON)


def _parts(*skus: str) -> list[dict[str, Any]]:
    return [{"items": {"skus": [sku]}} for sku in skus]


# Whoever asks, in whatever order, on whatever machine


def answer(ask: Callable[[], Quote]) -> Quote | str:
    """A quote, or why there is none."""
    try:
        return ask()
    except CannotQuote as no:
        return no.code


def edges_of(of: Book) -> list[int]:
    """Every instant at which something in a book begins or ends, and the microseconds beside them."""
    spans = [(one.starts, one.ends) for one in of.promotions]
    spans += [(price.begins, price.ends) for one in of.items for price in one.recommended]
    known = {edge for span in spans for edge in span if edge is not None}
    return sorted({edge + beside for edge in known for beside in (-1, 0, 1)})


@settings(max_examples=300, deadline=None)
@given(books(), st.lists(st.tuples(baskets(3), instants), min_size=2, max_size=6), dice)
def test_what_is_remembered_changes_no_answer(of: Book, asked: list[tuple[Basket, int]], die: Random) -> None:
    """One prepared book is asked about any baskets at any instants, back and forth, and each edge with both sides."""
    prepared = prepare(of)
    edges = edges_of(of)
    for one, at in [*asked, *((die.choice(asked)[0], die.choice(edges)) for _ in range(6))]:
        known = answer(lambda one=one, at=at: quote(prepared, one, at))  # type: ignore[misc]  # the loop's own values

        assert known == answer(lambda one=one, at=at: quote(prepare(of), one, at))  # type: ignore[misc]  # as above


def numbers_in(value: object) -> list[object]:
    """Everything in a quote that is not a word, a list or nothing."""
    if isinstance(value, dict):
        return [found for one in value.values() for found in numbers_in(one)]
    if isinstance(value, list):
        return [found for one in value for found in numbers_in(one)]
    return [] if value is None or isinstance(value, str) else [value]


@usually
@given(books(), baskets(), instants)
def test_there_is_no_float_anywhere_in_a_quote(of: Book, asked: Basket, at: int) -> None:
    found = numbers_in(msgspec.to_builtins(quote(prepare(of), asked, at)))

    assert {type(one) for one in found} <= {int, bool}


QUOTING = """
import sys, msgspec
from pricing.rules import prepare, quote
from pricing.rules.basket import Basket
from pricing.rules.book import Book
for line in sys.stdin.buffer:
    of, asked, at = msgspec.json.decode(line, type=tuple[Book, Basket, int])
    print(msgspec.json.encode(quote(prepare(of), asked, at)).decode())
"""


def test_a_quote_is_the_same_bytes_under_every_hash_seed() -> None:
    cases: list[bytes] = []

    @settings(max_examples=WORLDS, deadline=None)
    @given(books(), baskets(), instants)
    def note(of: Book, asked: Basket, at: int) -> None:
        cases.append(msgspec.json.encode((of, asked, at)))

    note()
    answers = {quoted_by_another_process(b"\n".join(cases), seed) for seed in ("0", "1", "4711")}

    assert len(answers) == 1
    assert answers.pop().count(b"\n") == len(cases) >= WORLDS


def quoted_by_another_process(cases: bytes, seed: str) -> bytes:
    """The quotes as a new Python writes them."""
    words = [sys.executable, "-c", QUOTING]
    env = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(words, input=cases, env=env, capture_output=True, check=True)  # noqa: S603 - our own words
    return done.stdout


def test_the_engine_imports_no_input_no_output_no_clock_no_zone_and_no_dice() -> None:
    allowed = {"bisect", "collections", "commerce", "dataclasses", "datetime", "decimal", "fractions", "functools"}
    allowed |= {"hashlib", "heapq", "itertools", "math", "msgspec", "operator", "pricing", "re", "typing"}
    ours = sorted(Path("pricing/rules").rglob("*.py"))

    assert len(ours) > 10
    assert {name for path in ours for name in imported(path.read_text())} <= allowed


def imported(text: str) -> set[str]:
    """The first names of everything that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found
