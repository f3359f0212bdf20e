"""Call off: a cancelled order wants no money, and gives back what came."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from orders.payments.calls import intend, is_cancel_refused, is_cancelled_soon, withdraw_opening
from orders.payments.give_up import give_up_payment
from orders.payments.ledger import Entry, enter
from orders.payments.lock_payment import PaymentRow, payments_of
from orders.payments.open_refunds import intend_refunds, left_to_refund
from orders.payments.rules import Operation, PaymentState, RefundReason
from orders.payments.secured import owed_on, take_what_is_owed

_PAID_TOO_MUCH = text("""
    SELECT e.order_id FROM ledger_entries e WHERE e.order_id = ANY(CAST(:ids AS text[]))
     GROUP BY e.order_id
    HAVING sum(e.amount) + (SELECT coalesce(sum(r.amount), 0) FROM refunds r
                             WHERE r.order_id = e.order_id AND r.state IN ('intended', 'pending', 'failed')) < 0
     ORDER BY e.order_id
""")
_END_MANDATES = text("UPDATE mandates SET state = 'cancelled', deadline = NULL WHERE order_id = :id")


async def call_off(tx: Session, order_id: str, now: datetime) -> None:
    """Let go of every payment of a locked, cancelled order; what was taken goes back. Safe to repeat."""
    await tx.execute(_END_MANDATES, {"id": order_id})
    await _give_back(tx, order_id, "order cancelled", now)


async def release_rest(tx: Session, order_id: str, now: datetime) -> None:
    """Of a locked order whose rest was cancelled, let go of what is reserved for it, and give back what was paid.

    As long as something is owed for what was sent, letting go of the rest is taking that. A capture of it may be under
    way, and may yet be refused.
    """
    owed = await owed_on(tx, order_id)
    reserved = [payment for payment in await payments_of(tx, order_id) if payment.state is PaymentState.AUTHORISED]
    if owed > 0 and reserved:
        await take_what_is_owed(tx, reserved[0], owed, now)
        return
    await _give_back(tx, order_id, "rest of the order cancelled", now)


async def give_back_excess(tx: Session, order_ids: Sequence[str], now: datetime) -> None:
    """Of locked orders for which money came that is not owed any more, give it back, and let go of what is reserved."""
    if order_ids:
        for order_id in (await tx.execute(_PAID_TOO_MUCH, {"ids": list(order_ids)})).scalars().all():
            await _give_back(tx, order_id, "more came than is owed", now)


async def _give_back(tx: Session, order_id: str, why: str, now: datetime) -> None:
    """Let go of what is not taken, and give back what was paid for more than is owed now.

    What went back before, for shipping or as goodwill, may leave less than that: no cent goes back twice, so as much
    less is cancelled.
    """
    payments = await payments_of(tx, order_id)
    for payment in payments:
        # What was refused is before a person; when it is about to expire it is asked for once more.
        if not await is_cancel_refused(tx, payment.id):
            await let_go(tx, payment, now)
    over = -await owed_on(tx, order_id)
    if over <= 0:
        return
    goes = max(0, min(over, sum((await left_to_refund(tx, order_id)).values())))
    if goes:
        await intend_refunds(tx, order_id, goes, RefundReason.CANCELLATION, why, now)
    if over > goes:
        await enter(tx, [Entry(order_id, "cancellation", over - goes, payments[0].currency)], now)


async def let_go(tx: Session, payment: PaymentRow, now: datetime, *, unless_paid: bool = False) -> None:
    """Have the provider cancel what is not captured of a payment, unless that is under way.

    What it was never asked to open it is not asked at all.
    `unless_paid` leaves a payment alone that turns out to be reserved or taken when the provider is asked.
    """
    if payment.state in {PaymentState.CAPTURED, PaymentState.CANCELLED}:
        return
    if await withdraw_opening(tx, payment.id, now):
        await give_up_payment(tx, payment.id, now)
    elif not await is_cancelled_soon(tx, payment.id, unless_paid=unless_paid):
        facts = {"unless_paid": True} if unless_paid else None
        await intend(tx, Operation.CANCEL, now, payment_id=payment.id, facts=facts)
