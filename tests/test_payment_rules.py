"""The rules of payments: whatever news comes, in whatever order, a payment goes forward and ends where it must."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.payments.rules import (
    ATTEMPT_MOVES,
    CALL_MOVES,
    MANDATE_MOVES,
    PAY_WITHIN,
    PAYMENT_MOVES,
    REFUND_MOVES,
    SECURE,
    UNSETTLED,
    AttemptState,
    CallState,
    Capture,
    Known,
    MandateState,
    News,
    Operation,
    PaymentState,
    RefundState,
    at_expiry,
    capture_for,
    may_retry_at,
    pay_until,
    step,
)
from orders.rules import OrderState, PaymentPlan
from tests.conftest import NOON

UNKNOWN = Known(PaymentState.INTENDED, 0, None)
AMOUNT = 1_000

states = st.sampled_from([state for state in PaymentState if state is not PaymentState.INTENDED])
instants = st.integers(0, 60).map(lambda second: NOON + timedelta(seconds=second))
any_news = st.builds(News, states, st.integers(0, AMOUNT), instants)
seeds = st.integers(0, 2**32)


def hear(known: Known, news: Sequence[News]) -> Known:
    """What our books say after all that news, one after the other."""
    for one in news:
        taken = step(known, one)
        seen_at = one.asked_at if known.seen_at is None else max(known.seen_at, one.asked_at)
        known = Known(taken.state, taken.captured, seen_at)
    return known


@st.composite
def lives(draw: st.DrawFn) -> list[News]:
    """What a provider says of one payment as time goes by: a buyer who tries, and then pays in parts or does not."""
    unsettled = draw(st.lists(st.sampled_from(sorted(UNSETTLED - {PaymentState.INTENDED})), max_size=6))
    told: list[tuple[PaymentState, int]] = [(state, 0) for state in unsettled]
    end = draw(st.sampled_from(["open", "given up", "taken at once", "reserved"]))
    if end == "given up":
        told.append((PaymentState.CANCELLED, 0))
    elif end == "taken at once":
        told.append((PaymentState.CAPTURED, AMOUNT))
    elif end == "reserved":
        parts = sorted(draw(st.lists(st.integers(1, AMOUNT - 1), max_size=4)))
        told.extend((PaymentState.AUTHORISED, captured) for captured in [0, *parts])
        last = draw(st.sampled_from([None, PaymentState.CAPTURED, PaymentState.CANCELLED]))
        if last is PaymentState.CAPTURED:
            told.append((last, draw(st.integers(parts[-1] if parts else 1, AMOUNT))))
        elif last is PaymentState.CANCELLED:
            told.append((last, parts[-1] if parts else 0))
    life = [News(state, captured, NOON + timedelta(seconds=n)) for n, (state, captured) in enumerate(told)]
    return life or [News(PaymentState.WAITING, 0, NOON)]


@given(lives(), st.lists(st.integers(0, 20), max_size=20), seeds)
def test_shuffled_repeated_and_lost_news_ends_where_the_last_news_says(
    life: list[News], repeated: list[int], seed: int
) -> None:
    """The last news comes some time: as an event, as the answer to a call, or when the books are reconciled."""
    heard = [life[-1], *(life[n % len(life)] for n in repeated)]
    Random(seed).shuffle(heard)  # noqa: S311 - any order will do
    last = life[-1]
    kept = last.state is PaymentState.CANCELLED and last.captured > 0

    known = hear(UNKNOWN, heard)

    assert known.state is (PaymentState.CAPTURED if kept else last.state)
    assert known.captured == last.captured
    assert known == hear(UNKNOWN, life)


@given(st.lists(any_news, max_size=12))
def test_whatever_is_said_a_payment_only_goes_forward(news: list[News]) -> None:
    known = UNKNOWN
    for one in news:
        after = hear(known, [one])
        assert after.state is known.state or after.state in PAYMENT_MOVES[known.state]
        assert after.captured >= known.captured
        assert (after.seen_at or NOON) >= (known.seen_at or NOON)
        assert step(known, one).more == after.captured - known.captured
        if known.state is PaymentState.CANCELLED:
            assert after.state is (PaymentState.CAPTURED if after.captured and one.captured else PaymentState.CANCELLED)
        if known.state is PaymentState.CAPTURED:
            assert after.state is known.state
        known = after


@given(st.lists(any_news, max_size=6), any_news)
def test_news_that_comes_twice_changes_nothing_the_second_time(before: list[News], news: News) -> None:
    once = hear(UNKNOWN, [*before, news])

    assert hear(once, [news]) == once
    assert step(once, news).more == 0


@given(st.lists(any_news, min_size=1, max_size=12), seeds)
def test_all_that_was_ever_captured_is_counted_in_any_order(news: list[News], seed: int) -> None:
    shuffled = list(news)
    Random(seed).shuffle(shuffled)  # noqa: S311 - any order will do

    assert hear(UNKNOWN, shuffled).captured == hear(UNKNOWN, news).captured == max(one.captured for one in news)


def test_old_news_of_a_buyer_who_tries_is_not_believed() -> None:
    later = Known(PaymentState.ACTION, 0, NOON)
    old = News(PaymentState.WAITING, 0, NOON - timedelta(seconds=1))

    assert step(later, old).state is PaymentState.ACTION
    assert step(later, old._replace(asked_at=NOON)).state is PaymentState.WAITING


def test_old_news_of_money_is_believed() -> None:
    """Money that was taken stays taken, however late we hear of it."""
    later = Known(PaymentState.ACTION, 0, NOON)
    old = News(PaymentState.CAPTURED, 700, NOON - timedelta(days=1))

    assert step(later, old) == (PaymentState.CAPTURED, 700, 700)


def test_what_was_captured_before_the_rest_was_let_go_is_paid() -> None:
    reserved = Known(PaymentState.AUTHORISED, 300, NOON)

    assert step(reserved, News(PaymentState.CANCELLED, 300, NOON)) == (PaymentState.CAPTURED, 300, 0)
    assert step(reserved, News(PaymentState.CANCELLED, 500, NOON)) == (PaymentState.CAPTURED, 500, 200)
    assert step(UNKNOWN, News(PaymentState.CANCELLED, 0, NOON)) == (PaymentState.CANCELLED, 0, 0)
    given_up = Known(PaymentState.CANCELLED, 0, NOON)
    assert step(given_up, News(PaymentState.CAPTURED, 500, NOON)) == (PaymentState.CAPTURED, 500, 500)
    assert step(given_up, News(PaymentState.AUTHORISED, 0, NOON)) == (PaymentState.CANCELLED, 0, 0)


TABLES: dict[str, Mapping[Any, frozenset[Any]]] = {
    "payments": PAYMENT_MOVES,
    "attempts": ATTEMPT_MOVES,
    "refunds": REFUND_MOVES,
    "mandates": MANDATE_MOVES,
    "calls": CALL_MOVES,
}
STATES = {
    "payments": PaymentState,
    "attempts": AttemptState,
    "refunds": RefundState,
    "mandates": MandateState,
    "calls": CallState,
}
ENDS = {
    "payments": {"captured"},
    "attempts": {"declined", "succeeded"},
    "refunds": {"replaced"},
    "mandates": {"cancelled"},
    "calls": {"answered"},
}


@pytest.mark.parametrize("table", TABLES)
def test_moves_lead_to_known_states_and_end_where_they_should(table: str) -> None:
    moves = TABLES[table]
    everything = set(STATES[table])

    assert set(moves) == everything
    assert set().union(*moves.values()) <= everything
    assert all(state not in after for state, after in moves.items()), "staying is no move"
    assert {str(state) for state, after in moves.items() if not after} == ENDS[table]


@pytest.mark.parametrize("table", TABLES)
def test_every_state_is_reached_from_the_first_one(table: str) -> None:
    moves = TABLES[table]
    first = next(iter(moves))
    reached, look = {first}, [first]
    while look:
        new = moves[look.pop()] - reached
        reached |= new
        look += new

    assert reached == set(moves)


def test_a_payment_is_unsettled_secure_or_over() -> None:
    assert set(PaymentState) == UNSETTLED | SECURE | {PaymentState.CANCELLED}
    assert set() == UNSETTLED & SECURE
    assert all(PAYMENT_MOVES[state] <= SECURE | {PaymentState.CANCELLED} for state in SECURE)


WAITS = [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 64), (7, 120), (8, 120), (1_000, 120)]


@pytest.mark.parametrize(("tries", "seconds"), WAITS)
def test_a_call_that_was_not_answered_is_sent_again_less_and_less_often(tries: int, seconds: int) -> None:
    assert may_retry_at(tries, NOON) == NOON + timedelta(seconds=seconds)


@given(st.integers(0, 100))
def test_nobody_waits_longer_than_two_minutes_for_the_next_try(tries: int) -> None:
    waits = [may_retry_at(n, NOON) - NOON for n in (tries, tries + 1)]

    assert timedelta(0) < waits[0] <= waits[1] <= timedelta(minutes=2)


SIGNS = [
    (timedelta(0), timedelta(minutes=30)),
    (timedelta(minutes=20), timedelta(minutes=50)),
    (timedelta(minutes=89, seconds=59), timedelta(minutes=119, seconds=59)),
    (timedelta(minutes=90), timedelta(minutes=120)),
    (timedelta(minutes=119), timedelta(minutes=120)),
    (timedelta(minutes=300), timedelta(minutes=120)),
]


@pytest.mark.parametrize(("sign", "until"), SIGNS)
def test_a_buyer_may_pay_half_an_hour_longer_after_each_sign_of_life_and_two_hours_in_all(
    sign: timedelta, until: timedelta
) -> None:
    assert pay_until(NOON + PAY_WITHIN, NOON, NOON, NOON + sign, opened=False) == NOON + until


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=10))
def test_a_later_sign_of_life_never_shortens_the_time(seconds: list[int]) -> None:
    signs = [NOON + timedelta(seconds=second) for second in sorted(seconds)]
    deadlines = [pay_until(NOON + PAY_WITHIN, NOON, NOON, sign, opened=False) for sign in signs]

    assert all(earlier <= later <= NOON + timedelta(hours=2) for earlier, later in pairwise(deadlines))


OPENED = [
    (timedelta(seconds=1), timedelta(minutes=30)),
    (timedelta(minutes=1), timedelta(minutes=30)),
    (timedelta(minutes=1, seconds=1), timedelta(minutes=31, seconds=1)),
    (timedelta(hours=3), timedelta(hours=3, minutes=30)),
    (timedelta(hours=23, minutes=50), timedelta(hours=24)),
]


@pytest.mark.parametrize(("opened", "until"), OPENED)
def test_what_is_opened_late_leaves_its_buyer_the_time_that_was_lost(opened: timedelta, until: timedelta) -> None:
    """At once it changes nothing; hours later there is half an hour from then, but not beyond a day."""
    assert pay_until(NOON + PAY_WITHIN, NOON, NOON, NOON + opened, opened=True) == NOON + until


def test_money_is_reserved_only_where_it_is_taken_as_goods_leave() -> None:
    manual = {plan for plan in PaymentPlan if capture_for(plan) is Capture.MANUAL}

    assert manual == {PaymentPlan.ON_SHIPMENT}


def test_an_authorisation_that_expires_is_taken_while_its_order_stands_and_owes_something() -> None:
    let_go = {state for state in OrderState if at_expiry(state, 1) is Operation.CANCEL}

    assert let_go == {OrderState.CANCELLED}
    assert {at_expiry(state, 1) for state in set(OrderState) - let_go} == {Operation.CAPTURE}
    assert {at_expiry(state, owed) for state in OrderState for owed in (0, -1)} == {Operation.CANCEL}
