"""Call off: a cancelled order wants no money, and gives back what came."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from orders.payments.calls import intend, is_intended
from orders.payments.lock_payment import PaymentRow, payments_of
from orders.payments.open_refunds import intend_refunds, left_to_refund
from orders.payments.rules import Operation, PaymentState, RefundReason

_OWED = text("""
    SELECT (coalesce(sum(amount), 0)
            + (SELECT coalesce(sum(amount), 0) FROM refunds
                WHERE order_id = :id AND state IN ('intended', 'pending', 'failed')))::bigint
      FROM ledger_entries WHERE order_id = :id
""")
_END_MANDATES = text("UPDATE mandates SET state = 'cancelled', deadline = NULL WHERE order_id = :id")


async def call_off(tx: Session, order_id: str, now: datetime) -> None:
    """Let go of every payment of a locked, cancelled order; what was taken goes back. Safe to repeat."""
    await tx.execute(_END_MANDATES, {"id": order_id})
    for payment in await payments_of(tx, order_id):
        await let_go(tx, payment, now)
    left = sum((await left_to_refund(tx, order_id)).values())
    if left:
        await intend_refunds(tx, order_id, left, RefundReason.CANCELLATION, "order cancelled", now)


async def release_rest(tx: Session, order_id: str, now: datetime) -> None:
    """Of a locked order whose rest was cancelled, let go of what is reserved for it, and give back what was paid.

    Captures for what was sent come first: calls about one payment are made in the order they were wanted.
    """
    for payment in await payments_of(tx, order_id):
        await let_go(tx, payment, now)
    over = -int((await tx.execute(_OWED, {"id": order_id})).scalar_one())
    if over > 0:
        await intend_refunds(tx, order_id, over, RefundReason.CANCELLATION, "rest of the order cancelled", now)


async def let_go(tx: Session, payment: PaymentRow, now: datetime) -> None:
    """Have the provider cancel what is not captured of a payment, unless that is under way."""
    if payment.state in {PaymentState.CAPTURED, PaymentState.CANCELLED}:
        return
    if not await is_intended(tx, Operation.CANCEL, payment.id):
        await intend(tx, Operation.CANCEL, now, payment_id=payment.id)
