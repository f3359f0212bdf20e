"""One unit by itself costs the same whether it is quoted or looked up in the course of what runs."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from random import Random

import pytest
from hypothesis import given, settings

from pricing.rules import alone, prepare, unit_price
from pricing.rules.book import Book
from pricing.rules.history import history_of, unit_net
from pricing.rules.prepared import Prepared, Way
from pricing.rules.quoted import CannotQuote
from tests.books import NOON, STORES, WEB, book, item, promotion
from tests.engine_strategies import a_book, a_promotion, books, instants

PLACES: dict[str, Sequence[str | None]] = {WEB: [None], STORES: [None, "berlin", "hamburg"]}


def must_agree(one: Book, at: int) -> None:
    """Every sku costs in every channel what the engine quotes, and its history knows the lowest of all its stores."""
    prepared = prepare(one)
    for sku in one.items:
        for channel, stores in PLACES.items():
            quoted = [_quoted(prepared, channel, sku.sku, at, store) for store in stores]
            steps = history_of(prepared, channel, sku, at).steps
            last = steps[bisect_right(steps, at, key=lambda step: step.begins) - 1].price
            assert unit_net(prepared, channel, sku, at) == quoted[0], (channel, sku)
            assert last == min((price for price in quoted if price is not None), default=None), (channel, sku)


def _quoted(prepared: Prepared, channel: str, sku: str, at: int, store: str | None) -> int | None:
    try:
        return unit_price(prepared, channel, sku, at, store).reduced
    except CannotQuote:
        return None


@given(books(), instants)
@settings(max_examples=1000)
def test_a_unit_costs_what_it_is_quoted_at(one: Book, at: int) -> None:
    must_agree(one, at)


def tied() -> Book:
    """Ten percent of a little is as much as a bit more of it, and the one that wins so keeps later lanes away."""
    running = [
        promotion("more", {"kind": "percent", "share": 1001}, exclusive=True),
        promotion("first", {"kind": "percent", "share": 1000}, exclusive=True, priority=2),
        promotion("open", {"kind": "percent", "share": 1001}, priority=1),
        promotion("later", {"kind": "percent", "share": 5000}, lane=2),
    ]
    return book([item("A", 7)], running)


def crowded() -> Iterator[Book]:
    """Books in which so many promotions run that most of them are never needed."""
    yield tied()
    for seed in range(150):
        dice = Random(seed)  # noqa: S311 - these dice decide about nobody's money
        yield a_book(seed, [a_promotion(dice.getrandbits(48), f"P{n:02}") for n in range(30)])


def test_so_it_does_where_dozens_run() -> None:
    for one in crowded():
        must_agree(one, NOON)


def _best_only(ways: Sequence[Way]) -> Iterator[Way]:
    """As if rounding never made equals of two that are not."""
    alike: dict[tuple[object, ...], Way] = {}
    for one in sorted(ways, key=lambda way: (-way.share, -way.more, way.rank)):
        alike.setdefault((one.share if one.more else None, one.exclusive, *one[4:]), one)
    yield from sorted(alike.values())


def _without_bounds(ways: Sequence[Way]) -> Iterator[Way]:
    """As if floors and caps were no reason to keep what takes off less."""
    yield from sorted(sorted(ways, key=lambda way: (-way.share, -way.more, way.rank))[:1])


def _unordered(ways: Sequence[Way]) -> Iterator[Way]:
    """As if it did not matter who wins a tie."""
    yield from sorted(ways, reverse=True)


@pytest.mark.parametrize("wrong", [_best_only, _without_bounds, _unordered])
def test_whoever_leaves_out_too_much_is_caught(monkeypatch: pytest.MonkeyPatch, wrong: Callable[..., object]) -> None:
    monkeypatch.setattr(alone, "_needed", wrong)
    with pytest.raises(AssertionError):
        test_so_it_does_where_dozens_run()


def test_of_two_hundred_that_are_alike_one_is_needed() -> None:
    running = [promotion(f"P{n:03}", {"kind": "percent", "share": 100 + n}) for n in range(200)]
    prepared = prepare(book([item("A", 1000), item("B", 2000)], running))
    one, other = prepared.items["A"], prepared.items["B"]
    [lane] = alone.lanes_of(prepared.concerns(WEB, one))

    assert [(way.share, way.rank) for way in lane] == [(299, (0, 199))]
    assert (unit_net(prepared, WEB, one, NOON), unit_net(prepared, WEB, other, NOON)) == (970, 1940)
    assert prepared.concerns(WEB, one) is prepared.concerns(WEB, other), "looked for once"
    assert len(prepared.courses) == 1
