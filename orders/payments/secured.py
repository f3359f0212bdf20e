"""Secured: goods leave when their money is there, or reserved, or is paid to whoever hands them over."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session
from orders.moving import OrderHead
from orders.payments.calls import intend
from orders.payments.errors import MoneyWentBack, NotPaid
from orders.payments.lock_payment import PaymentRow, payments_of
from orders.payments.plans import plan_of
from orders.payments.rules import Operation, PaymentState
from orders.rules import OrderState, PaymentPlan

# Read under the order's lock, so that it is what it is.
_OWED = text("""
    SELECT (coalesce(sum(amount), 0)
            + (SELECT coalesce(sum(amount), 0) FROM refunds
                WHERE order_id = :id AND state IN ('intended', 'pending', 'failed')))::bigint
      FROM ledger_entries WHERE order_id = :id
""")
_DUE = text("SELECT coalesce(sum(amount), 0)::bigint FROM tenders WHERE order_id = :id AND state = 'due'")
# Whatever was taken, what counts is what is due, and whether it may still come.
_UNPAID = text("""
    SELECT DISTINCT t.order_id FROM tenders t
     WHERE t.order_id = ANY(CAST(:ids AS text[])) AND t.state = 'due' AND t.kind = 'online' AND t.amount > 0
       AND NOT EXISTS (SELECT 1 FROM payments p
                        WHERE p.order_id = t.order_id AND p.state NOT IN ('cancelled', 'captured'))
       AND (NOT EXISTS (SELECT 1 FROM mandates m WHERE m.order_id = t.order_id AND m.state <> 'cancelled')
            OR EXISTS (SELECT 1 FROM payments p WHERE p.order_id = t.order_id AND p.state = 'cancelled'
                          AND p.purpose = 'balance' AND p.mandate_id IS NOT NULL))
""")
_WENT_BACK = text("""
    SELECT coalesce(sum(p.captured), 0) > 0 AND sum(p.captured) <= (
           SELECT coalesce(sum(r.amount), 0) FROM refunds r
            WHERE r.order_id = :id AND r.payment_id IS NOT NULL AND r.state NOT IN ('failed', 'replaced'))
      FROM payments p WHERE p.order_id = :id
""")
_SECURED = text("""
    SELECT EXISTS (SELECT 1 FROM payments WHERE order_id = :id AND state = 'authorised')
        OR EXISTS (SELECT 1 FROM payments WHERE order_id = :id AND state = 'captured')
           AND NOT EXISTS (SELECT 1 FROM tenders WHERE order_id = :id AND state = 'due' AND amount > 0)
        OR EXISTS (SELECT 1 FROM mandates WHERE order_id = :id AND state = 'active')
""")
_EXPECTED = text("""
    SELECT greatest(p.captured, coalesce(max((c.facts ->> 'expected')::bigint), 0))::bigint
      FROM payments p
      LEFT JOIN provider_calls c ON c.payment_id = p.id AND c.operation = 'capture' AND c.state = 'intended'
     WHERE p.id = :id GROUP BY p.id
""")


async def owed_on(tx: ReadSession, order_id: str) -> int:
    """What a locked order's buyer owes, in minor units; what is on its way back pays nothing. Negative: it is ours."""
    return int((await tx.execute(_OWED, {"id": order_id})).scalar_one())


async def due_on(tx: ReadSession, order_id: str) -> int:
    """What of a locked order still waits to be paid, in minor units."""
    return int((await tx.execute(_DUE, {"id": order_id})).scalar_one())


async def owed_at_hand_over(tx: ReadSession, order: OrderHead) -> int:
    """What the buyer pays to whoever hands the goods over. Raises NotPaid if it should have been paid before.

    Raises MoneyWentBack for goods that are still here; of what has left, it is only noted that it arrived.
    """
    if await plan_of(tx, order.id) is PaymentPlan.ON_COLLECTION:
        return await owed_on(tx, order.id)
    due = await due_on(tx, order.id)
    if due:
        raise NotPaid(order.id, due)
    if order.state is not OrderState.SHIPPED:
        await _must_not_have_gone_back(tx, order)
    return 0


async def unpaid_among(tx: ReadSession, order_ids: Sequence[str]) -> set[str]:
    """Which of these locked orders have something to pay through the provider, and nothing that may still pay it.

    What may is a payment that is not over, or a means that was saved and has not failed.
    """
    return set((await tx.execute(_UNPAID, {"ids": list(order_ids)})).scalars())


async def is_unpaid(tx: ReadSession, order_id: str) -> bool:
    """Whether a locked order is one of those."""
    return order_id in await unpaid_among(tx, [order_id])


async def is_secured(tx: ReadSession, order_id: str) -> bool:
    """Whether the buyer did what had to be done ahead: pay, or save a means of payment, if they are to pay ahead."""
    if await plan_of(tx, order_id) is PaymentPlan.ON_COLLECTION:
        return True
    return bool((await tx.execute(_SECURED, {"id": order_id})).scalar_one())


async def must_be_secured(tx: Session, order: OrderHead, now: datetime) -> None:
    """Let the goods of a locked order go if the money for them is there or reserved. Raises NotPaid, MoneyWentBack.

    What went back of the parcels before is nothing to a parcel for which money is reserved.
    """
    if await plan_of(tx, order.id) is PaymentPlan.ON_COLLECTION:
        return
    due = await due_on(tx, order.id)
    if not due:
        await _must_not_have_gone_back(tx, order)
    elif await _authorised(tx, order.id, now) is None:
        raise NotPaid(order.id, due)


async def _must_not_have_gone_back(tx: ReadSession, order: OrderHead) -> None:
    """Let no goods go when all that was paid for them went back, or is about to. Raises MoneyWentBack."""
    if (await tx.execute(_WENT_BACK, {"id": order.id})).scalar_one():
        raise MoneyWentBack(order.id)


async def capture_for_shipment(tx: Session, order: OrderHead, worth: int, now: datetime, *, last: bool) -> None:
    """Have the money for goods that leave now taken out of what is reserved; nothing reserved is nothing to take.

    Where the provider cannot take it in parts, the first shipment takes the whole.
    """
    payment = await _authorised(tx, order.id, now)
    if payment is None:
        return
    expected = int((await tx.execute(_EXPECTED, {"id": payment.id})).scalar_one())
    rest = payment.amount - expected
    last = last or not payment.splittable
    # What is owed and not on its way yet: the last capture takes it all, whatever became of those before.
    owed = await owed_on(tx, order.id) - (expected - payment.captured)
    amount = min(rest, owed if last else worth)
    if amount <= 0:
        return
    facts = {"amount": amount, "last": last, "expected": expected + amount}
    await intend(tx, Operation.CAPTURE, now, payment_id=payment.id, facts=facts)


async def take_what_is_owed(tx: Session, payment: PaymentRow, owed: int, now: datetime) -> None:
    """Have what is owed of a locked order taken out of what is reserved for it, and the rest of that let go.

    Captures that were wanted before come first. When its turn comes this one takes what they left to be taken.
    """
    amount = min(owed, payment.amount - payment.captured)
    facts = {"amount": amount, "last": True, "expected": payment.captured + amount}
    await intend(tx, Operation.CAPTURE, now, payment_id=payment.id, facts=facts)


async def _authorised(tx: Session, order_id: str, now: datetime) -> PaymentRow | None:
    """The payment that reserves the money of an order, if it still does."""
    payments = await payments_of(tx, order_id)
    return next(
        (
            payment
            for payment in payments
            if payment.state is PaymentState.AUTHORISED
            and (payment.capture_before is None or payment.capture_before > now)
        ),
        None,
    )
