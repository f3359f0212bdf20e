"""Outcome: what follows from news of a payment, decided from what is locked; nothing of it is written here."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from commerce.kernel.outbox import Event
from orders.moving import OrderHead
from orders.payments.events import BuyerNeeded, MandateGiven, PaymentGivenUp, PaymentSecured
from orders.payments.lock_payment import Locked, PaymentRow
from orders.payments.port import SeenAttempt, SeenPayment
from orders.payments.rules import (
    FIX_WITHIN,
    LATE,
    RELEASE_AFTER,
    SECURE,
    UNSETTLED,
    Known,
    News,
    PaymentState,
    Purpose,
    Step,
    pay_until,
    step,
)
from orders.record import Happening
from orders.rules import COLLECT_WITHIN, HOLDING, Fulfilment, OrderState

PROVIDER = "payment provider"
"""Who did it, on an order's timeline."""


class Told(NamedTuple):
    """What the provider said of a payment, when it was asked at `asked_at`."""

    payment_id: str | None
    """Our id; None where only the provider's is known."""
    seen: SeenPayment
    asked_at: datetime
    attempts: tuple[SeenAttempt, ...] = ()
    """The buyer's tries before the last one, where they were asked for."""


class Keep(NamedTuple):
    """The goods of the order are kept until then; None: until they leave."""

    until: datetime | None


class Outcome(NamedTuple):
    """What follows from one answer about one payment."""

    order: OrderHead
    payment: PaymentRow
    told: Told
    taken: Step
    deadline: datetime | None
    keep: Keep | None
    happenings: list[Happening]
    events: list[Event]

    @property
    def secured(self) -> bool:
        """Whether the money is there, or reserved, as of now."""
        return self.taken.state in SECURE and self.payment.state not in SECURE and not self.lapsed

    @property
    def lapsed(self) -> bool:
        """Whether it ended with less than was reserved, for an order that still holds goods: not by our doing."""
        ended = self.taken.state is not self.payment.state and self.taken.captured < self.payment.amount
        gone = self.payment.state is PaymentState.AUTHORISED and self.taken.state is PaymentState.CANCELLED
        return ended and (gone or self.taken.state is PaymentState.CAPTURED) and self.order.state in HOLDING

    @property
    def given_up(self) -> bool:
        """Whether it is over and its order with it. What is left of one that left in part may be paid anew (lapse)."""
        if self.lapsed:
            return self.order.state is not OrderState.PART_SHIPPED
        return self.taken.state is PaymentState.CANCELLED and self.payment.state is not PaymentState.CANCELLED

    @property
    def calls_off(self) -> bool:
        """Whether money came, or is reserved (still), for an order that wants none any more."""
        moved = self.taken.state is not self.payment.state
        wanted = self.order.state is not OrderState.CANCELLED
        return not wanted and (self.taken.state is PaymentState.AUTHORISED or (moved and self.taken.state in SECURE))


def is_idle_twin(known: str | None, seen: SeenPayment) -> bool:
    """Whether it is not the one we know, but was opened for the same payment, and no buyer was ever shown it."""
    return known is not None and seen.provider_id != known and not seen.captured and seen.state not in SECURE


def is_another(payment: PaymentRow, seen: SeenPayment) -> bool:
    """Whether what the provider has under this id cannot be what we asked for."""
    other = payment.provider_id is not None and seen.provider_id != payment.provider_id
    return other or (seen.amount, seen.currency) != (payment.amount, payment.currency) or seen.captured > seen.amount


def outcome(locked: Locked, told: Told, now: datetime, tries: Sequence[SeenAttempt]) -> Outcome:
    """What follows from what was told of a locked payment; `tries` are those of the buyer's that are news."""
    order, payment, _ = locked
    seen = told.seen
    taken = step(
        Known(payment.state, payment.captured, payment.seen_at), News(seen.state, seen.captured, told.asked_at)
    )
    moved, tried = taken.state is not payment.state, bool(tries)
    deadline = _deadline(order, payment, taken, now, sign_of_life=tried or moved)
    found = Outcome(order, payment, told, taken, deadline, _keep(order, payment, taken, deadline, now), [], [])
    for one in tries:
        if one.decline_code is not None:
            _happened(found, "payment_declined", code=one.decline_code, method=one.method)
    if taken.more:
        _happened(found, "payment_captured", amount=taken.more)
    if moved:
        _follow(found)
    live = deadline is not None and deadline > now and order.state is not OrderState.CANCELLED
    if live and payment.link is not None and _buyer_is_needed(payment, taken, tried=tried, now=now):
        assert deadline is not None
        found.events.append(BuyerNeeded(order.id, payment.id, payment.link, deadline))
    return found


def kept_until(order: OrderHead, now: datetime) -> datetime | None:
    """How long goods that are paid for are kept: until they leave, or for a while where the buyer must fetch them."""
    return now + COLLECT_WITHIN if order.fulfilment is Fulfilment.COLLECT else None


def _keep(order: OrderHead, payment: PaymentRow, taken: Step, deadline: datetime | None, now: datetime) -> Keep | None:
    """How long the goods are kept from now on, if that changes."""
    if taken.state in SECURE and payment.state not in SECURE:
        return Keep(kept_until(order, now)) if order.state in HOLDING else None
    if deadline is not None and deadline != payment.deadline and taken.state in UNSETTLED:
        return Keep(deadline + RELEASE_AFTER)
    return None


def _happened(found: Outcome, what: str, **facts: object) -> None:
    order_id, payment_id = found.order.id, found.payment.id
    found.happenings.append(Happening(order_id, what, PROVIDER, {"payment": payment_id, **facts}))


def _follow(found: Outcome) -> None:
    """What a new state means for the order."""
    order, payment, state = found.order, found.payment, found.taken.state
    if state is PaymentState.CANCELLED:
        _happened(found, "payment_cancelled")
    if found.lapsed:
        _happened(found, "reservation_lapsed", amount=payment.amount - found.taken.captured)
    if found.given_up:
        found.events.append(PaymentGivenUp(order.id, payment.id))
    elif state is PaymentState.ACTION:
        _happened(found, "payment_needs_action")
    elif found.secured and order.state is not OrderState.CANCELLED:
        if state is PaymentState.AUTHORISED:
            _happened(found, "payment_authorised", amount=payment.amount)
        if payment.purpose is Purpose.DEPOSIT:
            found.events.append(MandateGiven(order.id, payment.mandate_id or ""))
        found.events.append(PaymentSecured(order.id, payment.id))


def _deadline(
    order: OrderHead, payment: PaymentRow, taken: Step, now: datetime, *, sign_of_life: bool
) -> datetime | None:
    """Until when the buyer may pay, after this. A charge in their absence gives them one window, and no more."""
    if taken.state not in UNSETTLED or not sign_of_life:
        return payment.deadline
    if _in_absence(payment):
        return payment.deadline or now + FIX_WITHIN
    opened = payment.state is PaymentState.INTENDED
    return pay_until(payment.deadline, payment.created_at, order.placed_at, now, opened=opened)


def _in_absence(payment: PaymentRow) -> bool:
    return payment.purpose is Purpose.BALANCE and payment.mandate_id is not None


def _buyer_is_needed(payment: PaymentRow, taken: Step, *, tried: bool, now: datetime) -> bool:
    """Whether the buyer has to be told to come back: a charge in their absence failed, or was opened too late."""
    if taken.state not in {PaymentState.WAITING, PaymentState.ACTION}:
        return False
    opened = payment.state is PaymentState.INTENDED
    return opened and (_in_absence(payment) or tried or now - payment.created_at > LATE)
