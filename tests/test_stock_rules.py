"""Stock's pure decisions: whole or not at all, never more than there is, whatever the order of the lines."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.rules import (
    HoldState,
    allocate,
    hold_state,
    may_hold_until,
    merge_wants,
    source_basket,
)

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
SKUS = ("case", "charger", "phone")
PLACES = ("wh", "berlin", "munich", "nyc")

wants_of_a_basket = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 12), min_size=1)
free_units = st.dictionaries(st.tuples(st.sampled_from(PLACES), st.sampled_from(SKUS)), st.integers(-3, 10))
basket_lines = st.lists(st.tuples(st.sampled_from(SKUS), st.integers(1, 9)), min_size=1, max_size=12)


def test_five_wanted_three_and_ten_free_gives_exactly_five() -> None:
    assert allocate(5, [("a", 3), ("b", 10)]) == {"a": 3, "b": 2}


def test_one_too_many_gives_nothing() -> None:
    assert allocate(14, [("a", 3), ("b", 10)]) is None


def test_two_lines_of_one_sku_are_one_want() -> None:
    assert merge_wants([("phone", 1), ("case", 2), ("phone", 3)]) == {"case": 2, "phone": 4}


def test_one_location_that_has_everything_sends_everything_although_a_better_one_has_some() -> None:
    free = {("wh", "phone"): 1, ("berlin", "phone"): 9, ("berlin", "case"): 9, ("munich", "phone"): 9}

    assert source_basket({"phone": 2, "case": 1}, ["wh", "munich", "berlin"], free) == {
        ("berlin", "case"): 1,
        ("berlin", "phone"): 2,
    }


def test_of_two_that_have_everything_the_better_ranked_sends() -> None:
    free = {("wh", "phone"): 2, ("berlin", "phone"): 9}

    assert source_basket({"phone": 2}, ["berlin", "wh"], free) == {("berlin", "phone"): 2}
    assert source_basket({"phone": 2}, ["wh", "berlin"], free) == {("wh", "phone"): 2}


def test_a_basket_nobody_has_whole_is_split_over_few() -> None:
    free = {("wh", "phone"): 1, ("berlin", "phone"): 4, ("munich", "case"): 5, ("munich", "phone"): 1}

    assert source_basket({"phone": 5, "case": 2}, ["wh", "berlin", "munich"], free) == {
        ("berlin", "phone"): 4,
        ("munich", "case"): 2,
        ("munich", "phone"): 1,
    }


def test_a_location_out_of_the_ranking_sends_nothing() -> None:
    assert source_basket({"phone": 1}, ["wh"], {("berlin", "phone"): 5}) is None


@given(wants_of_a_basket, free_units)
def test_sourcing_gives_exactly_what_is_wanted_or_nothing_and_never_more_than_is_free(
    wants: dict[str, int], free: dict[tuple[str, str], int]
) -> None:
    sourced = source_basket(wants, PLACES, free)

    there = {sku: sum(max(0, free.get((place, sku), 0)) for place in PLACES) for sku in wants}
    assert (sourced is not None) == all(there[sku] >= units for sku, units in wants.items())
    if sourced is not None:
        assert {sku: sum(n for (_, s), n in sourced.items() if s == sku) for sku in wants} == wants
        assert all(0 < units <= free[place] for place, units in sourced.items())


@given(wants_of_a_basket, free_units)
def test_a_basket_is_never_split_if_one_location_has_it_all(
    wants: dict[str, int], free: dict[tuple[str, str], int]
) -> None:
    whole = [place for place in PLACES if all(free.get((place, sku), 0) >= n for sku, n in wants.items())]

    if whole:
        assert source_basket(wants, PLACES, free) == {(whole[0], sku): n for sku, n in wants.items()}


@given(basket_lines, free_units, st.randoms(use_true_random=False))
def test_the_order_of_the_lines_changes_nothing(
    lines: list[tuple[str, int]], free: dict[tuple[str, str], int], dice: object
) -> None:
    shuffled = list(lines)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis hands in a random.Random

    assert merge_wants(shuffled) == merge_wants(lines)
    assert source_basket(merge_wants(shuffled), PLACES, free) == source_basket(merge_wants(lines), PLACES, free)


@given(st.integers(0, 30), st.lists(st.integers(-3, 10), max_size=6))
def test_allocation_is_exact_or_nothing(wanted: int, units: list[int]) -> None:
    free = [(f"place-{n}", count) for n, count in enumerate(units)]

    taken = allocate(wanted, free)

    assert (taken is not None) == (wanted <= sum(max(0, count) for count in units))
    if taken is not None:
        assert sum(taken.values()) == wanted
        assert all(0 < taken[place] <= count for place, count in free if place in taken)


@pytest.mark.parametrize(
    ("ended", "expires_in", "state"),
    [
        ([None, None], timedelta(minutes=1), HoldState.HELD),
        ([None], None, HoldState.HELD),
        ([None], timedelta(0), HoldState.EXPIRED),
        (["expired", "expired"], timedelta(minutes=-1), HoldState.EXPIRED),
        (["released"], timedelta(minutes=1), HoldState.RELEASED),
        (["left", "left"], None, HoldState.LEFT),
    ],
)
def test_how_a_hold_stands(ended: list[str | None], expires_in: timedelta | None, state: HoldState) -> None:
    assert hold_state(ended, None if expires_in is None else NOW + expires_in, NOW) is state


def test_a_basket_is_held_for_two_hours_at_most() -> None:
    assert may_hold_until(NOW + timedelta(hours=2), NOW)
    assert not may_hold_until(NOW + timedelta(hours=2, microseconds=1), NOW)
    assert not may_hold_until(NOW, NOW)
