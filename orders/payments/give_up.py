"""Give up: what the provider never took on is over, and what it could not take on yet is waited for."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from inventory.keep import keep_hold
from orders.payments.calls import Call, intend
from orders.payments.catch_up_mandate import lock_mandate
from orders.payments.events import MandateGivenUp, PaymentGivenUp
from orders.payments.lock_payment import lock_payment
from orders.payments.outcome import PROVIDER
from orders.payments.rules import (
    AWAY_WITHIN_MAX,
    MANDATE_MOVES,
    PAY_WITHIN,
    RELEASE_AFTER,
    MandateState,
    Operation,
    PaymentState,
    Purpose,
)
from orders.record import Happening, note
from orders.rules import OPEN, OrderState

_CANCEL_PAYMENT = text("UPDATE payments SET state = 'cancelled' WHERE id = :id")
_CANCEL_MANDATE = text("UPDATE mandates SET state = 'cancelled', deadline = NULL WHERE id = :id")
# Whose customer is gone cannot be charged, nor pay as one.
_FORGET = text("""
    UPDATE mandates SET state = 'cancelled', method = NULL, customer = NULL WHERE id = :id AND method IS NOT NULL
 RETURNING id
""")
_PAYMENT_DEADLINE = text("UPDATE payments SET deadline = greatest(deadline, :until) WHERE id = :id")
_MANDATE_DEADLINE = text("UPDATE mandates SET deadline = greatest(deadline, :until) WHERE id = :id")


async def give_up_payment(tx: Session, payment_id: str, now: datetime) -> None:
    """A payment that the provider does not have will not come. One that it has is left to `catch_up`."""
    order, payment, _ = await lock_payment(tx, payment_id)
    if payment.state is not PaymentState.INTENDED or payment.provider_id is not None:
        return
    await tx.execute(_CANCEL_PAYMENT, {"id": payment.id})
    if payment.mandate_id is not None and payment.purpose is Purpose.DEPOSIT:
        await tx.execute(_CANCEL_MANDATE, {"id": payment.mandate_id})
    await note(tx, [Happening(order.id, "payment_cancelled", PROVIDER, {"payment": payment.id})], now)
    await tell(tx, PaymentGivenUp(order.id, payment.id), now)


async def give_up_opening(tx: Session, payment_id: str, now: datetime) -> bool:
    """The provider will not open this payment. If that is for the saved means, its buyer is asked for another one.

    False where nobody can do anything any more, and the payment is over.
    """
    order, payment, _ = await lock_payment(tx, payment_id)
    saved = payment.purpose is Purpose.BALANCE and payment.mandate_id is not None
    if saved and order.state in OPEN and (await tx.execute(_FORGET, {"id": payment.mandate_id})).scalar_one_or_none():
        told = {"payment": payment.id, "mandate": payment.mandate_id}
        await note(tx, [Happening(order.id, "saved_means_refused", PROVIDER, told)], now)
        await intend(tx, Operation.OPEN, now, payment_id=payment.id)
        return True
    await give_up_payment(tx, payment.id, now)
    return False


async def give_up_mandate(tx: Session, mandate_id: str, now: datetime) -> None:
    """Nobody waits any longer for a means of payment to be saved."""
    order, mandate = await lock_mandate(tx, mandate_id)
    if mandate.state is MandateState.ACTIVE or MandateState.CANCELLED not in MANDATE_MOVES[mandate.state]:
        return
    await tx.execute(_CANCEL_MANDATE, {"id": mandate.id})
    await note(tx, [Happening(order.id, "mandate_cancelled", PROVIDER, {"mandate": mandate.id})], now)
    await tell(tx, MandateGivenUp(order.id, mandate.id), now)


async def keep_while_away(tx: Session, call: Call, now: datetime) -> None:
    """Keep the goods for a buyer who cannot begin to pay while the provider is away: it is not their fault."""
    if call.payment_id is not None:
        order, payment, _ = await lock_payment(tx, call.payment_id)
        if payment.purpose is Purpose.BALANCE or payment.state is not PaymentState.INTENDED:
            return
        statement, since = _PAYMENT_DEADLINE, payment.created_at
    else:
        order, mandate = await lock_mandate(tx, call.mandate_id or "")
        if mandate.state is not MandateState.INTENDED:
            return
        statement, since = _MANDATE_DEADLINE, mandate.created_at
    until = min(now + PAY_WITHIN, since + AWAY_WITHIN_MAX)
    if order.state is not OrderState.PLACED or until <= now:
        return
    await tx.execute(statement, {"id": call.payment_id or call.mandate_id, "until": until})
    await keep_hold(tx, order.id, until + RELEASE_AFTER)
