"""The rules of payments: states as data, what news changes, and tenders that pay the total exactly."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from orders.errors import MixedCurrency, TendersDoNotAddUp
from orders.rules import OrderState, PaymentPlan, TenderKind
from orders.schemas import TenderBody

PAY_WITHIN = timedelta(minutes=30)
"""How long a buyer may take from one sign of life to the next before nobody waits for the money any more."""
PAY_WITHIN_MAX = timedelta(hours=2)
"""And how long in all: goods that nobody pays for are kept from others no longer."""
RELEASE_AFTER = timedelta(minutes=10)
"""How much longer the goods are kept: the time to hear from the provider that the buyer can no longer pay."""
LATE = timedelta(minutes=1)
"""What was opened at the provider so much later than it was wanted finds its buyer gone."""
AWAY_WITHIN_MAX = timedelta(hours=24)
"""How long goods are kept for a buyer who could not pay because the provider was away."""
FIX_WITHIN = timedelta(hours=48)
"""How long a buyer has to put right a charge that failed in their absence, before the goods go to others."""
EXPIRY_MARGIN = timedelta(hours=12)
"""How long before an authorisation expires it is captured or let go."""
KEY_LIFE = timedelta(hours=23)
"""The provider forgets a key after a day; an older call looks first whether it was done."""


class PaymentState(StrEnum):
    """Where a payment stands."""

    INTENDED = "intended"
    """We want it; the provider may not know of it yet."""
    WAITING = "waiting"
    """It is the buyer's turn: to choose a means of payment, the first time or after one was declined."""
    ACTION = "action_required"
    """The buyer's bank wants to hear from the buyer."""
    PROCESSING = "processing"
    AUTHORISED = "authorised"
    """The money is reserved; some of it may be captured."""
    CAPTURED = "captured"
    """What was wanted has been taken, and no more will be."""
    CANCELLED = "cancelled"
    """Nothing was taken, and nothing will be."""


PAYMENT_MOVES: dict[PaymentState, frozenset[PaymentState]] = {
    PaymentState.INTENDED: frozenset(set(PaymentState) - {PaymentState.INTENDED}),
    PaymentState.WAITING: frozenset(
        {PaymentState.ACTION, PaymentState.PROCESSING, PaymentState.AUTHORISED, PaymentState.CAPTURED}
        | {PaymentState.CANCELLED}
    ),
    PaymentState.ACTION: frozenset(
        {PaymentState.WAITING, PaymentState.PROCESSING, PaymentState.AUTHORISED, PaymentState.CAPTURED}
        | {PaymentState.CANCELLED}
    ),
    PaymentState.PROCESSING: frozenset(
        {PaymentState.WAITING, PaymentState.ACTION, PaymentState.AUTHORISED, PaymentState.CAPTURED}
        | {PaymentState.CANCELLED}
    ),
    PaymentState.AUTHORISED: frozenset({PaymentState.CAPTURED, PaymentState.CANCELLED}),
    PaymentState.CAPTURED: frozenset(),
    # We may have given up what the provider had taken on; money that came is never forgotten.
    PaymentState.CANCELLED: frozenset({PaymentState.CAPTURED}),
}
assert PAYMENT_MOVES.keys() == set(PaymentState), "every state says where it may go"

UNSETTLED = frozenset({PaymentState.INTENDED, PaymentState.WAITING, PaymentState.ACTION, PaymentState.PROCESSING})
"""The buyer may still pay, or not. These follow each other in any order, as a buyer tries one card after another."""
SECURE = frozenset({PaymentState.AUTHORISED, PaymentState.CAPTURED})


class AttemptState(StrEnum):
    """What became of one try."""

    PENDING = "pending"
    DECLINED = "declined"
    SUCCEEDED = "succeeded"


ATTEMPT_MOVES: dict[AttemptState, frozenset[AttemptState]] = {
    AttemptState.PENDING: frozenset({AttemptState.DECLINED, AttemptState.SUCCEEDED}),
    AttemptState.DECLINED: frozenset(),
    AttemptState.SUCCEEDED: frozenset(),
}
assert ATTEMPT_MOVES.keys() == set(AttemptState), "every state says where it may go"


class RefundState(StrEnum):
    """Where a refund stands."""

    INTENDED = "intended"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The bank sent it back, or the provider refused it; the buyer is still owed it."""
    REPLACED = "replaced"
    """It failed, and another one was promised in its place."""


REFUND_MOVES: dict[RefundState, frozenset[RefundState]] = {
    RefundState.INTENDED: frozenset({RefundState.PENDING, RefundState.SUCCEEDED, RefundState.FAILED}),
    RefundState.PENDING: frozenset({RefundState.SUCCEEDED, RefundState.FAILED}),
    RefundState.SUCCEEDED: frozenset({RefundState.FAILED}),
    RefundState.FAILED: frozenset({RefundState.REPLACED}),
    RefundState.REPLACED: frozenset(),
}
assert REFUND_MOVES.keys() == set(RefundState), "every state says where it may go"


class MandateState(StrEnum):
    """Where the permission to charge a buyer later stands."""

    INTENDED = "intended"
    WAITING = "waiting"
    ACTION = "action_required"
    ACTIVE = "active"
    CANCELLED = "cancelled"


MANDATE_MOVES: dict[MandateState, frozenset[MandateState]] = {
    MandateState.INTENDED: frozenset(set(MandateState) - {MandateState.INTENDED}),
    MandateState.WAITING: frozenset({MandateState.ACTION, MandateState.ACTIVE, MandateState.CANCELLED}),
    MandateState.ACTION: frozenset({MandateState.WAITING, MandateState.ACTIVE, MandateState.CANCELLED}),
    MandateState.ACTIVE: frozenset({MandateState.CANCELLED}),
    MandateState.CANCELLED: frozenset(),
}
assert MANDATE_MOVES.keys() == set(MandateState), "every state says where it may go"


class CallState(StrEnum):
    """Where a call to the provider stands: it is intended until somebody knows what came of it."""

    INTENDED = "intended"
    ANSWERED = "answered"
    REFUSED = "refused"


CALL_MOVES: dict[CallState, frozenset[CallState]] = {
    CallState.INTENDED: frozenset({CallState.ANSWERED, CallState.REFUSED}),
    CallState.ANSWERED: frozenset(),
    CallState.REFUSED: frozenset({CallState.INTENDED}),
}
assert CALL_MOVES.keys() == set(CallState), "every state says where it may go"


class Operation(StrEnum):
    """What a call asks the provider to do."""

    OPEN = "open"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    ASK_MANDATE = "ask_mandate"


class Capture(StrEnum):
    """Whether the provider takes the money at once, or reserves it and is told when."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Purpose(StrEnum):
    """What a payment is for."""

    WHOLE = "whole"
    DEPOSIT = "deposit"
    BALANCE = "balance"
    """What is owed beyond a deposit, or still: charged in the buyer's absence, or paid anew after a failure."""


class RefundReason(StrEnum):
    """Why money goes back. A closed list, so that it can be added up."""

    LINE = "line"
    """Units of a line."""
    SHIPPING = "shipping"
    """What the buyer paid us for the way of the goods. What the way back cost them is for goodwill."""
    GOODWILL = "goodwill"
    CANCELLATION = "cancellation"
    """The order was cancelled after it was paid, or paid after it was cancelled."""
    PROVIDER = "provider"
    """Somebody gave it back at the provider itself, without us."""


class Known(NamedTuple):
    """A payment as our books have it."""

    state: PaymentState
    captured: int
    seen_at: datetime | None


class News(NamedTuple):
    """A payment as the provider told it, and when it was asked."""

    state: PaymentState
    captured: int
    asked_at: datetime


class Step(NamedTuple):
    """What news changes: the state to be in, and how much was captured since."""

    state: PaymentState
    captured: int
    """In all."""
    more: int
    """Captured since our books were written."""


def step(known: Known, news: News) -> Step:
    """What news changes. Late, repeated and old news change nothing: a payment only goes forward.

    Captured money is never forgotten, and what was captured before the rest was let go counts as captured.
    """
    captured = max(known.captured, news.captured)
    state = news.state
    if state is PaymentState.CANCELLED and captured:
        state = PaymentState.CAPTURED
    old = known.seen_at is not None and news.asked_at < known.seen_at
    given_up = known.state is PaymentState.CANCELLED and not captured
    if given_up or state not in PAYMENT_MOVES[known.state] or (old and state in UNSETTLED):
        state = known.state
    return Step(state, captured, captured - known.captured)


def pay_until(
    deadline: datetime | None, begun_at: datetime, placed_at: datetime, now: datetime, *, opened: bool
) -> datetime:
    """Until when a buyer may pay, or save a card, after a sign of life; or once the provider has `opened` it for them.

    Where it was opened late, nobody could begin before: they get the time for it, as long as goods are kept for that.
    """
    if not opened:
        return min(now + PAY_WITHIN, max(deadline or now, begun_at + PAY_WITHIN_MAX))
    if deadline is not None and now - begun_at <= LATE:
        return deadline
    return min(now + PAY_WITHIN, max(placed_at + AWAY_WITHIN_MAX, begun_at + PAY_WITHIN))


def may_retry_at(tries: int, now: datetime) -> datetime:
    """When a call that was not answered is sent again: soon at first, and then less and less often."""
    return now + timedelta(seconds=min(2**tries, 120))


def capture_for(plan: PaymentPlan) -> Capture:
    """How the first payment of a plan is taken."""
    return Capture.MANUAL if plan is PaymentPlan.ON_SHIPMENT else Capture.AUTOMATIC


def at_expiry(order: OrderState, owed: int) -> Operation:
    """What to do with an authorisation that is about to expire: take what is owed while the goods are promised."""
    return Operation.CANCEL if order is OrderState.CANCELLED or owed <= 0 else Operation.CAPTURE


class Settled(NamedTuple):
    """One tender, settled: `given` is `amount` paid plus `change` returned, in minor units."""

    kind: TenderKind
    amount: int
    given: int
    change: int
    reference: str | None


def due_for(plan: PaymentPlan, total: int) -> list[Settled]:
    """What is due for an order when it is placed: the whole total, in one promise; for what is free, nothing."""
    if not total:
        return []
    kind = TenderKind.PAY_ON_COLLECTION if plan is PaymentPlan.ON_COLLECTION else TenderKind.ONLINE
    return [Settled(kind, total, total, 0, None)]


def settle(tenders: Sequence[TenderBody], total: int, currency: str) -> list[Settled]:
    """Split what was given into what pays the total and what goes back as change, out of the largest cash given.

    In whatever order tenders come, they are taken or refused alike, and each pays something: one that could as well
    have stayed in the buyer's pocket is a mistake. Raises MixedCurrency, and TendersDoNotAddUp naming what is wrong.
    """
    for n, tender in enumerate(tenders):
        _check(tender, n, total, currency)
    given = sum(tender.given.amount for tender in tenders)
    change = given - total
    if change < 0:
        raise TendersDoNotAddUp("tenders", total, given, f"{-change} is still to be paid.")
    cash = {n: tender.given.amount for n, tender in enumerate(tenders) if tender.kind is TenderKind.CASH}
    if change > sum(cash.values()):
        raise TendersDoNotAddUp("tenders", total, given, "Only cash gives change; the others pay too much.")
    largest = max(cash, key=lambda n: cash[n], default=None)
    if largest is not None and change >= cash[largest]:
        raise TendersDoNotAddUp(f"tenders[{largest}].given", total, given, "The others pay it already; leave it out.")
    return [_settled(tender, change if n == largest else 0) for n, tender in enumerate(tenders)]


def _settled(tender: TenderBody, back: int) -> Settled:
    return Settled(tender.kind, tender.given.amount - back, tender.given.amount, back, tender.reference)


def _check(tender: TenderBody, n: int, total: int, currency: str) -> None:
    if tender.given.currency != currency:
        raise MixedCurrency(f"tenders[{n}].given", currency, tender.given.currency)
    if tender.kind not in {TenderKind.CASH, TenderKind.CARD_TERMINAL}:
        reason = "At the counter it is paid now: cash or card_terminal."
        raise TendersDoNotAddUp(f"tenders[{n}].kind", total, tender.given.amount, reason)
    if not tender.given.amount:
        raise TendersDoNotAddUp(f"tenders[{n}].given", total, 0, "A tender of nothing pays nothing; leave it out.")
