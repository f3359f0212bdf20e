"""Begin to pay: what an order owes becomes a payment, once; whoever asks again gets the same one."""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from inventory.keep import keep_hold
from orders.moving import OrderHead
from orders.payments.calls import Call, intend
from orders.payments.errors import NothingToPay
from orders.payments.lock_payment import payments_of
from orders.payments.rules import (
    PAY_WITHIN,
    RELEASE_AFTER,
    SECURE,
    UNSETTLED,
    Capture,
    Operation,
    PaymentState,
    Purpose,
    capture_for,
    pay_by,
)
from orders.record import Happening, note
from orders.rules import OrderState, PaymentPlan

AT_ONCE = timedelta(minutes=1)
"""Whoever begins to pay so soon is still at the checkout."""


class Begun(NamedTuple):
    """A payment or a mandate, and the call that opens it at the provider if nobody has an answer to that yet.

    `call` is for whoever began to make; `under_way` is one that was stored before, and is somebody else's for now.
    """

    payment_id: str | None
    mandate_id: str | None
    call: Call | None = None
    under_way: str | None = None
    wanted: tuple[int, Capture, Purpose] | None = None
    """The amount, how it is taken and what for, of a payment that was begun now."""


class _Situation(NamedTuple):
    """What decides what a buyer has to do now; read once the order is locked."""

    plan: str | None
    deposit: int | None
    due: int
    paying: bool
    mandate_id: str | None
    mandate_state: str | None


_SITUATION = text("""
    SELECT l.plan, l.deposit,
           (SELECT coalesce(sum(amount), 0) FROM tenders WHERE order_id = o.id AND state = 'due')::bigint AS due,
           EXISTS (SELECT 1 FROM payments WHERE order_id = o.id) AS paying, m.id AS mandate_id, m.state AS mandate_state
      FROM orders o LEFT JOIN payment_plans l ON l.order_id = o.id
      LEFT JOIN mandates m ON m.order_id = o.id AND m.state <> 'cancelled'
     WHERE o.id = :id
""")
_OPEN_CALL = text("""
    SELECT id FROM provider_calls
     WHERE (payment_id = :payment_id OR mandate_id = :mandate_id) AND operation IN ('open', 'ask_mandate')
       AND state = 'intended'
""")
_WRITE_PAYMENT = text("""
    INSERT INTO payments (id, order_id, purpose, capture, mandate_id, amount, currency, state, deadline, link,
                          created_at)
    VALUES (:id, :order_id, :purpose, :capture, :mandate_id, :amount, :currency, 'intended', :deadline, :link, :now)
""")
_WRITE_MANDATE = text("""
    INSERT INTO mandates (id, order_id, state, deadline, created_at)
    VALUES (:id, :order_id, 'intended', :deadline, :now)
""")


async def begin_payment(tx: Session, order: OrderHead, actor: str, now: datetime) -> Begun:
    """What the buyer of a locked order has to do now: pay what is due, pay a deposit, or save a means of payment.

    A payment that is not settled is resumed, not doubled. Raises NothingToPay.
    """
    seen = _Situation(*(await tx.execute(_SITUATION, {"id": order.id})).one())
    plan = _plan(order, seen)
    payments = await payments_of(tx, order.id) if seen.paying else []
    current = next((payment for payment in payments if payment.state in UNSETTLED), None)
    if current is not None:
        return Begun(current.id, current.mandate_id, under_way=await _open_call(tx, current.id, None))
    if any(payment.state is PaymentState.AUTHORISED for payment in payments):
        raise NothingToPay(order.id, "The money for this order is reserved already.")
    if plan is PaymentPlan.LATER and not any(payment.state in SECURE for payment in payments):
        if seen.mandate_id is None:
            return await _ask_for_mandate(tx, order, seen.deposit or 0, actor, now)
        if seen.mandate_state != "active":
            return Begun(None, seen.mandate_id, under_way=await _open_call(tx, None, seen.mandate_id))
        raise NothingToPay(order.id, "A means of payment is saved; it is charged when the goods are there.")
    return await _pay_what_is_due(tx, order, seen.due, plan, actor, now)


def _plan(order: OrderHead, seen: _Situation) -> PaymentPlan:
    """How the order is paid; only what is paid through the provider can be begun here."""
    if order.state is OrderState.CANCELLED:
        raise NothingToPay(order.id, "This order is cancelled.")
    if seen.plan is None:
        raise NothingToPay(order.id, "This order is paid when the goods are handed over.")
    return PaymentPlan(seen.plan)


async def _pay_what_is_due(
    tx: Session, order: OrderHead, due: int, plan: PaymentPlan, actor: str, now: datetime
) -> Begun:
    if due <= 0:
        raise NothingToPay(order.id, "This order is paid.")
    placed = order.state is OrderState.PLACED
    # Once goods have left there is nothing to reserve any more: what is still owed is taken at once.
    capture = capture_for(plan) if placed else Capture.AUTOMATIC
    purpose = Purpose.WHOLE if due == order.total else Purpose.BALANCE
    deadline = await _deadline(tx, order, now) if placed else None
    payment_id = await write_payment(tx, order, due, purpose, now, capture=capture, deadline=deadline)
    call = await intend(tx, Operation.OPEN, now, payment_id=payment_id, leased=True)
    await note(tx, [Happening(order.id, "payment_begun", actor, {"payment": payment_id, "amount": due})], now)
    return Begun(payment_id, None, call, wanted=(due, capture, purpose))


async def _deadline(tx: Session, order: OrderHead, now: datetime) -> datetime:
    """Until when the buyer may pay; the goods are kept a little longer. Who begins at once has what placing gave."""
    if now - order.placed_at <= AT_ONCE:
        return order.placed_at + PAY_WITHIN
    deadline = pay_by(now, now)
    await keep_hold(tx, order.id, deadline + RELEASE_AFTER)
    return deadline


async def _ask_for_mandate(tx: Session, order: OrderHead, deposit: int, actor: str, now: datetime) -> Begun:
    """A means of payment is to be saved: by itself, or along with paying the deposit."""
    deadline = await _deadline(tx, order, now)
    mandate_id = new_id("mnd", now)
    facts = {"id": mandate_id, "order_id": order.id, "deadline": None if deposit else deadline, "now": now}
    await tx.execute(_WRITE_MANDATE, facts)
    await note(tx, [Happening(order.id, "mandate_asked", actor, {"mandate": mandate_id, "deposit": deposit})], now)
    if not deposit:
        return Begun(None, mandate_id, await intend(tx, Operation.ASK_MANDATE, now, mandate_id=mandate_id, leased=True))
    payment_id = await write_payment(tx, order, deposit, Purpose.DEPOSIT, now, mandate_id=mandate_id, deadline=deadline)
    call = await intend(tx, Operation.OPEN, now, payment_id=payment_id, leased=True)
    return Begun(payment_id, mandate_id, call, wanted=(deposit, Capture.AUTOMATIC, Purpose.DEPOSIT))


async def write_payment(  # noqa: PLR0913 - a payment has as many facts
    tx: Session,
    order: OrderHead,
    amount: int,
    purpose: Purpose,
    now: datetime,
    *,
    capture: Capture = Capture.AUTOMATIC,
    mandate_id: str | None = None,
    deadline: datetime | None,
) -> str:
    """Write a payment down that the provider does not know yet; its id."""
    payment_id = new_id("pay", now)
    facts = {
        "id": payment_id,
        "order_id": order.id,
        "purpose": str(purpose),
        "capture": str(capture),
        "mandate_id": mandate_id,
        "amount": amount,
        "currency": order.currency,
        "deadline": deadline,
        "link": secrets.token_urlsafe(24),
        "now": now,
    }
    await tx.execute(_WRITE_PAYMENT, facts)
    return payment_id


async def _open_call(tx: Session, payment_id: str | None, mandate_id: str | None) -> str | None:
    found: str | None = (
        await tx.execute(_OPEN_CALL, {"payment_id": payment_id, "mandate_id": mandate_id})
    ).scalar_one_or_none()
    return found
