"""The engine's laws, over whole books, promotions of every kind and any basket.

The worlds are in `engine_strategies`. Each law that could be broken quietly is broken once on purpose, to see that it
would be noticed.
"""

from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from commerce.kernel.money import half_up
from pricing.rules import benefits, prepare, quote, quoting
from pricing.rules.basket import Basket, BasketLine
from pricing.rules.book import Book
from pricing.rules.promotion import Matching, Promotion
from pricing.rules.quoted import REASONS, Quote, QuotedLine, QuotedShipping
from pricing.rules.tax import tax_of
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
            brought = left - tax_of(left, line.tax_rate_bp, included=True) if of.prices_include_tax else left
            assert left >= line.quantity * floor.minimum
            assert brought >= line.quantity * (costs[0].amount if costs and floor.cost else 0)
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
    assert_shared(361, [1, 88, 94, 244, 1])
    monkeypatch.setattr(benefits, "share_out", to_the_last)

    with pytest.raises(AssertionError):
        assert_shared(361, [1, 88, 94, 244, 1])


def shuffled(asked: Basket, die: Random) -> Basket:
    """The same basket, told in another order."""

    def mixed(those: Sequence[Any]) -> list[Any]:
        return die.sample(those, len(those))

    customer = msgspec.structs.replace(
        asked.customer,
        groups=mixed(asked.customer.groups),
        unlocked=mixed(asked.customer.unlocked),
        used_up=mixed(asked.customer.used_up),
        asks_who=mixed(asked.customer.asks_who),
    )
    return msgspec.structs.replace(asked, lines=mixed(asked.lines), codes=mixed(asked.codes), customer=customer)


@usually
@given(books(), baskets(), instants, dice)
def test_the_order_in_which_a_basket_is_told_means_nothing(of: Book, asked: Basket, at: int, die: Random) -> None:
    prepared = prepare(of)

    assert quote(prepared, shuffled(asked, die), at) == quote(prepared, asked, at)


def test_lines_taken_as_they_come_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(book([item(sku, 333) for sku in SKUS], [CHEAPEST_FREE]))
    asked, told = basket(("A", 1), ("B", 1), ("C", 1)), basket(("C", 1), ("A", 1), ("B", 1))
    assert quote(prepared, told, NOON) == quote(prepared, asked, NOON)
    monkeypatch.setattr(quoting, "_place", lambda line: len(line.key))

    assert quote(prepared, told, NOON) != quote(prepared, asked, NOON)


CHEAPEST_FREE = promotion("P0", {"kind": "percent", "share": 10_000, "on": "cheapest"})


def renamed(asked: Basket, die: Random) -> Basket:
    """The same basket, with other names for its lines, in any order of theirs."""
    names = die.sample(range(1000), len(asked.lines))
    lines = [msgspec.structs.replace(line, key=f"{n}") for n, line in zip(names, asked.lines, strict=True)]
    return msgspec.structs.replace(asked, lines=lines)


def unnamed(one: Quote) -> Quote:
    """A quote in which lines have no names, in an order of their own."""
    lines = [msgspec.structs.replace(line, key="") for line in one.lines]
    return msgspec.structs.replace(one, lines=sorted(lines, key=msgspec.json.encode))


@usually
@given(books(), baskets(), instants, dice)
def test_the_names_of_the_lines_mean_nothing(of: Book, asked: Basket, at: int, die: Random) -> None:
    """A till that counts its lines and one that draws their names at random charge the same for each."""
    prepared = prepare(of)

    assert unnamed(quote(prepared, renamed(asked, die), at)) == unnamed(quote(prepared, asked, at))


def test_ties_that_go_by_name_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tax is added, and B has less of it: who gets the cheaper one for nothing pays by what lines are called."""
    items = [item("A", 1000), item("B", 1000, tax_class="reduced")]
    prepared = prepare(book(items, [CHEAPEST_FREE], included=False))
    asked, told = basket(("A", 1, "1"), ("B", 1, "2")), basket(("A", 1, "2"), ("B", 1, "1"))
    assert quote(prepared, asked, NOON).total == quote(prepared, told, NOON).total == 1070
    monkeypatch.setattr(quoting, "_place", lambda line: line.key)

    assert quote(prepared, asked, NOON).total != quote(prepared, told, NOON).total


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
    }
    fields = [name for name in benefit.__struct_fields__ if name in more and getattr(benefit, name) is not None]
    return msgspec.structs.replace(benefit, **{name: more[name](getattr(benefit, name)) for name in fields})


@usually
@given(one_lane, baskets(), instants, dice)
def test_a_better_promotion_never_makes_the_customer_pay_more(of: Book, asked: Basket, at: int, die: Random) -> None:
    """Before tax that is added: a cent more off is better, whatever the rates of the lines that it comes off.

    Nothing here has a floor: what a floor keeps of one line's share does not go to another line, and shares of a
    larger amount are not larger on every line. And one that takes its lines together must not reach for more lines
    when it is better, since there it would shut out another.
    """
    open_ended = [msgspec.structs.replace(one, floor=type(one.floor)()) for one in of.promotions]
    n = die.randrange(len(open_ended))
    improved = msgspec.structs.replace(open_ended[n], benefit=better(open_ended[n].benefit, die))
    before = msgspec.structs.replace(of, promotions=open_ended)
    after = msgspec.structs.replace(of, promotions=[*open_ended[:n], improved, *open_ended[n + 1 :]])

    where = [alone(of, one, asked, at).keys() for one in (open_ended[n], improved)]

    assume(is_simple(improved) or where[0] == where[1] or len(open_ended) == 1)
    assert net_of(quote(prepare(after), asked, at)) <= net_of(quote(prepare(before), asked, at))


def is_simple(one: Promotion) -> bool:
    """Whether it looks at each line by itself."""
    if one.cap is not None or getattr(one.benefit, "on", "lines") not in {"lines", "shipping"}:
        return False
    steps = getattr(one.benefit, "steps", [])
    return hasattr(one.benefit, "units") or (bool(steps) and all(step.amount is None for step in steps))


def alone(of: Book, one: Promotion, asked: Basket, at: int) -> dict[str, int]:
    """What a promotion takes off each line where there is no other."""
    found = quote(prepare(msgspec.structs.replace(of, promotions=[one])), asked, at)
    shipping = found.shipping.amount - found.shipping.total if found.shipping is not None else 0
    on_lines = {line.key: line.discount for line in found.lines} | {"shipping": shipping}
    return {key: amount for key, amount in on_lines.items() if amount}


def most_of_all_ways(of: Book, asked: Basket, at: int) -> int:
    """The most that one promotion for each line can take off, by trying every way to choose them."""
    takings = [alone(of, one, asked, at) for one in of.promotions]
    simple = [is_simple(one) for one in of.promotions]
    keys = sorted({key for taking in takings for key in taking})
    most = 0
    for chosen in product([None, *range(len(takings))], repeat=len(keys)):
        way = dict(zip(keys, chosen, strict=True))
        whole = all(
            simple[n] or {key for key in keys if way[key] == n} in (set(), set(taking))
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


def test_tiers_with_a_lower_price_do_not_shut_out_who_wins_a_line() -> None:
    """At 10 they leave the small one alone, at 7 they would take a cent off it, where another takes five."""
    five = promotion("P1", {"kind": "amount", "on": "order", "amount": 5}, conditions={"items": {"skus": ["B"]}})
    for price, left in ((10, 13), (7, 10)):
        tiers = promotion("P0", {"kind": "tiers", "by": "quantity", "steps": [{"at": 2, "price": price}]})
        of = book([item("A", 50), item("B", 8)], [tiers, five])

        assert quote(prepare(of), basket(("A", 1), ("B", 1)), NOON).total == left


def test_a_bundle_takes_what_is_still_dear() -> None:
    """The dearest phone costs nothing any more, so that a bundle with it would save nothing."""
    of = book(
        [item("A", 1000), item("B", 600), item("C", 100)],
        [
            promotion("P0", {"kind": "fixed_price", "price": 0}, conditions={"items": {"skus": ["A"]}}, lane=0),
            promotion("P1", {"kind": "bundle", "price": 500, "parts": [{"items": {"skus": ["A", "B"]}}, *_parts("C")]}),
        ],
    )

    assert [line.total for line in quote(prepare(of), basket(("A", 1), ("B", 1), ("C", 1)), NOON).lines] == [0, 429, 71]


@pytest.mark.parametrize(("priority", "winner"), [(0, "P0"), (5, "P1")])
def test_of_two_that_save_as_much_the_higher_priority_wins(priority: int, winner: str) -> None:
    """Also where one looks at each line and the other at all of them together."""
    each = promotion("P0", {"kind": "percent", "share": 1000})
    whole = promotion("P1", {"kind": "percent", "share": 1000, "on": "order"}, priority=priority)
    of = book([item("A", 100), item("B", 50)], [each, whole])

    one = quote(prepare(of), basket(("A", 1), ("B", 1)), NOON)

    assert one.discount == 15
    assert {verdict.promotion: verdict.reason for verdict in one.verdicts} == {
        "P0": "better_one",
        "P1": "better_one",
    } | {winner: "applied"}


@pytest.mark.parametrize(
    ("benefit", "reason"),
    [
        ({"kind": "tiers", "by": "quantity", "steps": [{"at": 3, "share": 1000}]}, "quantity"),
        ({"kind": "tiers", "by": "subtotal", "steps": [{"at": 201, "amount": 10}]}, "subtotal"),
        ({"kind": "buy_get", "buy": 2, "get": 1}, "quantity"),
        ({"kind": "buy_get", "buy": 3, "get": 1, "gets": {"skus": ["B"]}}, "quantity"),
        ({"kind": "bundle", "parts": [{"items": {"skus": ["A"]}}, {"items": {"skus": ["B"]}}], "price": 1}, "quantity"),
        ({"kind": "bundle", "parts": [{"items": {"skus": ["A"]}, "quantity": 2}], "price": 200}, "no_saving"),
    ],
)
def test_a_benefit_that_asks_for_more_says_so(benefit: dict[str, Any], reason: str) -> None:
    of = book([item("A", 100), item("B", 50)], [promotion("P0", benefit)])

    assert quote(prepare(of), basket(("A", 2)), NOON).verdicts[0].reason == reason
