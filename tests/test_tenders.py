"""Tenders: together they pay the total to the cent, only cash gives change, and their order does not matter."""

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.kernel.bodies import Amount
from commerce.kernel.refusals import Refusal
from orders.errors import MixedCurrency, TendersDoNotAddUp
from orders.payments.rules import Settled, due_for, settle
from orders.payments.tenders import shown
from orders.rules import PaymentPlan, TenderKind
from orders.schemas import TenderBody

ROOT = Path(__file__).parent.parent
COUNTER = (TenderKind.CASH, TenderKind.CARD_TERMINAL)


def tender(kind: TenderKind, minor: int, currency: str = "EUR", reference: str | None = None) -> TenderBody:
    """Some money given."""
    return TenderBody(kind=kind, given=Amount(minor, currency), reference=reference)


def cash(minor: int) -> TenderBody:
    return tender(TenderKind.CASH, minor)


def card(minor: int) -> TenderBody:
    return tender(TenderKind.CARD_TERMINAL, minor)


minors = st.one_of(st.integers(0, 12), st.integers(0, 10**12))
handfuls = st.lists(st.builds(tender, st.sampled_from(COUNTER), minors), max_size=10)
totals = st.one_of(st.integers(0, 40), st.integers(0, 10**12))


def judged(tenders: Sequence[TenderBody], total: int) -> list[Settled] | str:
    """What pays what, or the code of the refusal."""
    try:
        return settle(tenders, total, "EUR")
    except Refusal as refusal:
        return refusal.code


@given(handfuls, totals)
def test_settled_tenders_pay_the_total_exactly(tenders: list[TenderBody], total: int) -> None:
    settled = judged(tenders, total)

    if isinstance(settled, str):
        assert settled == "tenders_do_not_add_up"
        return
    assert [(one.kind, one.given) for one in settled] == [(one.kind, one.given.amount) for one in tenders]
    assert sum(one.amount for one in settled) == total
    assert all(one.given == one.amount + one.change for one in settled)
    assert all(one.amount > 0 and one.change >= 0 for one in settled)
    assert all(one.change == 0 for one in settled if one.kind is not TenderKind.CASH)
    assert sum(one.change for one in settled) <= sum(one.given for one in settled if one.kind is TenderKind.CASH)
    assert sum(one.change > 0 for one in settled) <= 1, "change is one handful of coins"


@given(handfuls, totals, st.integers(0))
def test_in_any_order_they_are_taken_or_refused_alike(tenders: list[TenderBody], total: int, seed: int) -> None:
    shuffled = list(tenders)
    Random(seed).shuffle(shuffled)  # noqa: S311 - any order will do

    one, other = judged(tenders, total), judged(shuffled, total)

    if isinstance(one, str) or isinstance(other, str):
        assert one == other
    else:
        assert sorted(one) == sorted(other)


@given(st.lists(st.builds(tender, st.sampled_from(COUNTER), st.integers(1, 10**9)), min_size=1, max_size=10), st.data())
def test_whoever_gives_no_more_than_is_needed_is_served(tenders: list[TenderBody], data: st.DataObject) -> None:
    largest = max((one.given.amount for one in tenders if one.kind is TenderKind.CASH), default=1)
    change = data.draw(st.integers(0, largest - 1))
    total = sum(one.given.amount for one in tenders) - change

    settled = settle(tenders, total, "EUR")

    assert sum(one.change for one in settled) == change


@given(handfuls, totals)
def test_nobody_is_refused_without_a_cause(tenders: list[TenderBody], total: int) -> None:
    """Too little, more change than cash, or a tender that might have stayed in the pocket: nothing else is wrong."""
    amounts = [one.given.amount for one in tenders]
    change = sum(amounts) - total
    notes = [one.given.amount for one in tenders if one.kind is TenderKind.CASH]
    wrong = 0 in amounts or change < 0 or change > sum(notes) or (bool(notes) and change >= max(notes))

    assert isinstance(judged(tenders, total), str) == wrong


SETTLED: list[tuple[list[TenderBody], int, list[tuple[int, int]]]] = [
    ([], 0, []),
    ([cash(1)], 1, [(1, 0)]),
    ([cash(10_000)], 1, [(1, 9_999)]),
    ([cash(1_000), cash(50)], 950, [(900, 100), (50, 0)]),
    ([cash(50), cash(1_000)], 950, [(50, 0), (900, 100)]),
    ([cash(5), cash(5)], 6, [(1, 4), (5, 0)]),
    ([card(700), cash(500)], 1_000, [(700, 0), (300, 200)]),
    ([card(1), card(2)], 3, [(1, 0), (2, 0)]),
]


@pytest.mark.parametrize(("tenders", "total", "paid_and_change"), SETTLED)
def test_change_comes_out_of_the_largest_cash(
    tenders: list[TenderBody], total: int, paid_and_change: list[tuple[int, int]]
) -> None:
    assert [(one.amount, one.change) for one in settle(tenders, total, "EUR")] == paid_and_change


def test_a_reference_stays_with_its_tender() -> None:
    tenders = [tender(TenderKind.CARD_TERMINAL, 5, reference="T-1"), tender(TenderKind.CASH, 5, reference="R-2")]

    assert [one.reference for one in settle(tenders, 7, "EUR")] == ["T-1", "R-2"]


REFUSED: list[tuple[list[TenderBody], int, str]] = [
    ([], 1, "tenders"),
    ([cash(9)], 10, "tenders"),
    ([card(11)], 10, "tenders"),
    ([card(12), cash(1)], 10, "tenders"),
    ([card(10), cash(1)], 10, "tenders[1].given"),
    ([card(10), cash(0)], 10, "tenders[1].given"),
    ([cash(5), cash(10)], 5, "tenders[1].given"),
    ([cash(1)], 0, "tenders[0].given"),
    ([tender(TenderKind.PAY_ON_COLLECTION, 10)], 10, "tenders[0].kind"),
]


@pytest.mark.parametrize(("tenders", "total", "field"), REFUSED)
def test_what_does_not_add_up_is_refused_by_the_field(tenders: list[TenderBody], total: int, field: str) -> None:
    with pytest.raises(TendersDoNotAddUp) as refusal:
        settle(tenders, total, "EUR")

    assert refusal.value.field == field


def test_another_currency_is_refused() -> None:
    with pytest.raises(MixedCurrency) as refusal:
        settle([cash(5), tender(TenderKind.CASH, 5, "USD")], 10, "EUR")

    assert (refusal.value.field, refusal.value.wanted, refusal.value.given) == ("tenders[1].given", "EUR", "USD")


def test_of_what_is_free_nothing_is_due() -> None:
    assert [due_for(plan, 0) for plan in PaymentPlan] == [[]] * len(PaymentPlan)


@given(totals.filter(bool))
def test_what_is_due_is_the_total_in_the_tender_of_the_plan(total: int) -> None:
    kinds = {plan: [one.kind for one in due_for(plan, total)] for plan in PaymentPlan}
    due = due_for(PaymentPlan.ON_COLLECTION, total)

    assert kinds.pop(PaymentPlan.ON_COLLECTION) == [TenderKind.PAY_ON_COLLECTION]
    assert set(map(tuple, kinds.values())) == {(TenderKind.ONLINE,)}
    assert [(one.amount, one.given, one.change, one.reference) for one in due] == [(total, total, 0, None)]
    assert [(one.kind, one.state, one.amount) for one in shown(due, "due", "EUR")] == [
        (TenderKind.PAY_ON_COLLECTION, "due", Amount(total, "EUR"))
    ]


def test_nobody_but_payments_writes_tenders_and_ledger() -> None:
    writes = re.compile(r"((INSERT INTO|UPDATE|DELETE FROM)\s+|\bInto\(\s*\")(tenders|ledger_entries)\b")
    ours = [path for folder in ("catalog", "commerce", "inventory", "orders", "pricing") for path in sources(folder)]

    writers = {path.relative_to(ROOT).as_posix() for path in ours if writes.search(path.read_text(encoding="utf-8"))}

    assert writers == {"orders/payments/tenders.py", "orders/payments/ledger.py"}


def sources(folder: str) -> list[Path]:
    """The modules of one of our packages."""
    return sorted((ROOT / folder).rglob("*.py"))
