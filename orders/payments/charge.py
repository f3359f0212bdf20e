"""Charge: the goods are there, so the means that the buyer saved pays what is still due, without the buyer."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from orders.moving import lock_order
from orders.payments.begin import PaymentWanted, write_payments
from orders.payments.calls import intend
from orders.payments.errors import NothingToPay
from orders.payments.lock_payment import payments_of
from orders.payments.rules import Operation, PaymentState, Purpose
from orders.payments.secured import due_on
from orders.record import Happening, note
from orders.rules import OPEN

_ACTIVE = text("SELECT id FROM mandates WHERE order_id = :id AND state = 'active'")


async def charge_order(tx: Session, order_id: str, actor: str, now: datetime) -> str:
    """Have what is due of an order charged to the saved means, as soon as the provider lets us; the payment's id.

    A charge that is under way is not doubled. One that fails gives the buyer a window to put it right.
    Raises NotFound, NothingToPay.
    """
    order = await lock_order(tx, order_id)
    if order.state not in OPEN:
        raise NothingToPay(order.id, f"This order is {order.state}.")
    live = [
        p for p in await payments_of(tx, order.id) if p.state not in {PaymentState.CAPTURED, PaymentState.CANCELLED}
    ]
    if live:
        return live[0].id
    due = await due_on(tx, order.id)
    mandate_id = (await tx.execute(_ACTIVE, {"id": order.id})).scalar_one_or_none()
    if mandate_id is None:
        raise NothingToPay(order.id, "The buyer of this order has saved no means of payment.")
    if due <= 0:
        raise NothingToPay(order.id, "This order is paid.")
    payment = PaymentWanted(order, due, Purpose.BALANCE, mandate_id=mandate_id)
    [payment_id] = await write_payments(tx, [payment], now)
    await note(tx, [Happening(order.id, "charge_wanted", actor, {"payment": payment_id, "amount": due})], now)
    await intend(tx, Operation.OPEN, now, payment_id=payment_id)
    return payment_id
