"""Catch up: bring our books to what the provider says of a payment.

Webhook, the answer to a call, the storefront's word that its buyer is back, and the reconciler all end here, under one
lock. Whatever comes twice, late or in another order changes nothing.
"""

from datetime import datetime, timedelta

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from inventory.keep import keep_hold
from orders.moving import OrderHead
from orders.payments.call_off import call_off
from orders.payments.cases import open_case
from orders.payments.events import BuyerNeeded, MandateGiven, PaymentGivenUp, PaymentSecured
from orders.payments.ledger import Entry, enter
from orders.payments.lock_payment import Locked, PaymentRow, lock_payment
from orders.payments.port import SeenAttempt, SeenPayment
from orders.payments.rules import (
    AWAY_WITHIN_MAX,
    FIX_WITHIN,
    PAY_WITHIN,
    PAY_WITHIN_MAX,
    RELEASE_AFTER,
    SECURE,
    UNSETTLED,
    Known,
    News,
    PaymentState,
    Purpose,
    Step,
    step,
)
from orders.payments.tenders import pay_online
from orders.record import Happening, note
from orders.rules import COLLECT_WITHIN, Fulfilment, OrderState

PROVIDER = "payment provider"
"""Who did it, on an order's timeline."""
LATE = timedelta(minutes=1)
"""A payment that was opened so much later than it was wanted finds its buyer gone."""

_WRITE = text("""
    UPDATE payments
       SET state = :state, captured = :captured, provider_id = :provider_id, client_secret = :client_secret,
           decline_code = :decline_code, splittable = :splittable, capture_before = :capture_before,
           deadline = :deadline, seen_at = greatest(seen_at, :asked_at)
     WHERE id = :id
""")
_ATTEMPT = text("""
    INSERT INTO payment_attempts AS a (provider_id, payment_id, state, method, decline_code, seen_at)
    VALUES (:provider_id, :payment_id, :state, :method, :decline_code, :now)
    ON CONFLICT (provider_id) DO UPDATE
       SET state = excluded.state, decline_code = excluded.decline_code, seen_at = excluded.seen_at
     WHERE a.state = 'pending' AND excluded.state <> 'pending'
 RETURNING xmax = 0
""")
_GIVEN = text("""
    UPDATE mandates SET state = 'active', customer = :customer, method = :method, deadline = NULL
     WHERE id = :id AND state NOT IN ('active', 'cancelled')
""")
_NOT_GIVEN = text("UPDATE mandates SET state = 'cancelled', deadline = NULL WHERE id = :id AND state <> 'active'")


async def catch_up(tx: Session, payment_id: str, seen: SeenPayment, asked_at: datetime, now: datetime) -> None:
    """Take over what the provider said of a payment when it was asked at `asked_at`. Raises NotFound."""
    await catch_up_locked(tx, await lock_payment(tx, payment_id), seen, asked_at, now)


async def catch_up_locked(tx: Session, locked: Locked, seen: SeenPayment, asked_at: datetime, now: datetime) -> None:
    """As `catch_up`, for whoever has the lock."""
    order, payment, _ = locked
    if is_idle_twin(payment.provider_id, seen):
        return
    if _is_another(payment, seen):
        facts = {"asked": payment.amount, "seen": seen.amount, "captured": seen.captured, "currency": seen.currency}
        await open_case(tx, "payment_differs", payment.id, order.id, facts, now)
        return
    taken = step(Known(payment.state, payment.captured, payment.seen_at), News(seen.state, seen.captured, asked_at))
    tried = seen.attempt is not None and await _note_attempt(tx, payment, seen.attempt, now)
    deadline = _deadline(order, payment, taken, now, sign_of_life=tried or taken.state is not payment.state)
    await _write(tx, payment, seen, taken, deadline, asked_at)
    if taken.more:
        await _book(tx, payment, taken.more, now)
    if deadline != payment.deadline and deadline is not None and taken.state in UNSETTLED:
        await keep_hold(tx, order.id, deadline + RELEASE_AFTER)
    if taken.state is not payment.state:
        await _follow(tx, order, payment, seen, taken, now)
    if deadline is None or deadline <= now or order.state is OrderState.CANCELLED:
        return
    if _buyer_is_needed(payment, taken, tried=tried, now=now) and payment.link is not None:
        await tell(tx, BuyerNeeded(order.id, payment.id, payment.link, deadline), now)


def is_idle_twin(known: str | None, seen: SeenPayment) -> bool:
    """Whether it is not the one we know, but was opened for the same payment, and no buyer was ever shown it."""
    return known is not None and seen.provider_id != known and not seen.captured and seen.state not in SECURE


def _is_another(payment: PaymentRow, seen: SeenPayment) -> bool:
    """Whether what the provider has under this id cannot be what we asked for."""
    other = payment.provider_id is not None and seen.provider_id != payment.provider_id
    return other or (seen.amount, seen.currency) != (payment.amount, payment.currency) or seen.captured > seen.amount


def _deadline(
    order: OrderHead, payment: PaymentRow, taken: Step, now: datetime, *, sign_of_life: bool
) -> datetime | None:
    """Until when the buyer may pay, after this. A charge in their absence gives them one window, and no more."""
    if taken.state not in UNSETTLED or not sign_of_life:
        return payment.deadline
    if _in_absence(payment):
        return payment.deadline or now + FIX_WITHIN
    if payment.state is PaymentState.INTENDED and now - payment.created_at <= LATE:
        return payment.deadline
    if payment.state is PaymentState.INTENDED:
        return min(now + PAY_WITHIN, max(order.placed_at + AWAY_WITHIN_MAX, payment.created_at + PAY_WITHIN))
    latest = max(payment.deadline or now, payment.created_at + PAY_WITHIN_MAX)
    return min(now + PAY_WITHIN, latest)


def _in_absence(payment: PaymentRow) -> bool:
    return payment.purpose is Purpose.BALANCE and payment.mandate_id is not None


def _buyer_is_needed(payment: PaymentRow, taken: Step, *, tried: bool, now: datetime) -> bool:
    """Whether the buyer has to be told to come back: a charge in their absence failed, or was opened too late."""
    if taken.state not in {PaymentState.WAITING, PaymentState.ACTION}:
        return False
    opened = payment.state is PaymentState.INTENDED
    return opened and (_in_absence(payment) or tried or now - payment.created_at > LATE)


async def _write(
    tx: Session, payment: PaymentRow, seen: SeenPayment, taken: Step, deadline: datetime | None, asked_at: datetime
) -> None:
    fresh = payment.seen_at is None or asked_at >= payment.seen_at
    facts = {
        "id": payment.id,
        "state": str(taken.state),
        "captured": taken.captured,
        "provider_id": seen.provider_id,
        "client_secret": seen.client_secret or payment.client_secret,
        "decline_code": seen.decline_code if fresh else payment.decline_code,
        "splittable": seen.splittable or payment.splittable,
        "capture_before": seen.capture_before or payment.capture_before,
        "deadline": deadline,
        "asked_at": asked_at,
    }
    await tx.execute(_WRITE, facts)


async def _note_attempt(tx: Session, payment: PaymentRow, attempt: SeenAttempt, now: datetime) -> bool:
    """Write down a try of the buyer's; True if it is news."""
    facts = {
        "provider_id": attempt.provider_id,
        "payment_id": payment.id,
        "state": str(attempt.state),
        "method": attempt.method,
        "decline_code": attempt.decline_code,
        "now": now,
    }
    if (await tx.execute(_ATTEMPT, facts)).scalar_one_or_none() is None:
        return False
    if attempt.decline_code is not None:
        told = {"payment": payment.id, "code": attempt.decline_code, "method": attempt.method}
        await note(tx, [Happening(payment.order_id, "payment_declined", PROVIDER, told)], now)
    return True


async def _book(tx: Session, payment: PaymentRow, more: int, now: datetime) -> None:
    """Enter into the ledger what was captured since."""
    await pay_online(tx, payment.order_id, more, payment.id, now)
    await enter(tx, [Entry(payment.order_id, "payment", -more, payment.currency, payment.id)], now)
    told = {"payment": payment.id, "amount": more}
    await note(tx, [Happening(payment.order_id, "payment_captured", PROVIDER, told)], now)


async def _follow(
    tx: Session, order: OrderHead, payment: PaymentRow, seen: SeenPayment, taken: Step, now: datetime
) -> None:
    """What a new state means for the order."""
    if taken.state is PaymentState.CANCELLED:
        if payment.purpose is Purpose.DEPOSIT:
            await tx.execute(_NOT_GIVEN, {"id": payment.mandate_id})
        await note(tx, [Happening(order.id, "payment_cancelled", PROVIDER, {"payment": payment.id})], now)
        await tell(tx, PaymentGivenUp(order.id, payment.id), now)
    elif taken.state is PaymentState.ACTION:
        await note(tx, [Happening(order.id, "payment_needs_action", PROVIDER, {"payment": payment.id})], now)
    elif taken.state in SECURE and payment.state not in SECURE:
        await _secure(tx, order, payment, seen, taken, now)
    if taken.state in SECURE and order.state is OrderState.CANCELLED:
        await call_off(tx, order.id, now)


async def _secure(
    tx: Session, order: OrderHead, payment: PaymentRow, seen: SeenPayment, taken: Step, now: datetime
) -> None:
    """The money is there, or reserved: the goods stay until they leave."""
    if order.state is OrderState.CANCELLED:
        return
    if taken.state is PaymentState.AUTHORISED:
        told = {"payment": payment.id, "amount": payment.amount}
        await note(tx, [Happening(order.id, "payment_authorised", PROVIDER, told)], now)
    if payment.purpose is Purpose.DEPOSIT:
        facts = {"id": payment.mandate_id, "customer": seen.customer, "method": seen.method}
        await tx.execute(_GIVEN, facts)
        await tell(tx, MandateGiven(order.id, payment.mandate_id or ""), now)
    if order.state is OrderState.PLACED:
        kept = await keep_hold(tx, order.id, kept_until(order, now))
        if not kept:  # Its time ran out a moment ago: whoever ended it is about to cancel the order, and call this off.
            await note(tx, [Happening(order.id, "paid_too_late", PROVIDER, {"payment": payment.id})], now)
    await tell(tx, PaymentSecured(order.id, payment.id), now)


def kept_until(order: OrderHead, now: datetime) -> datetime | None:
    """How long goods that are paid for are kept: until they leave, or for a while where the buyer must fetch them."""
    return now + COLLECT_WITHIN if order.fulfilment is Fulfilment.COLLECT else None
