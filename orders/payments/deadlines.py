"""Deadlines: nobody waits for ever for a buyer to pay, and no reserved money is left to expire by itself."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import TextClause, text

from commerce.kernel.db import Database, Session
from inventory.keep import keep_hold
from orders.payments.call_off import let_go
from orders.payments.calls import is_intended
from orders.payments.catch_up_mandate import lock_mandate
from orders.payments.give_up import give_up_mandate
from orders.payments.lock_payment import lock_payment
from orders.payments.looks import wish_look
from orders.payments.rules import (
    EXPIRY_MARGIN,
    PAY_WITHIN,
    RELEASE_AFTER,
    UNSETTLED,
    Operation,
    PaymentState,
    at_expiry,
)
from orders.payments.secured import owed_on, take_what_is_owed
from orders.record import Happening, note

BATCH_MAX = 500
LOOK_WITHIN = timedelta(minutes=3)
"""How long the provider has to tell whether a mandate was given in the end; the goods are kept for longer."""
_log = structlog.get_logger()

_OVERDUE = text("""
    SELECT id FROM payments
     WHERE state IN ('intended', 'waiting', 'action_required', 'processing') AND deadline <= :now
       AND NOT EXISTS (SELECT 1 FROM provider_calls c
                        WHERE c.payment_id = payments.id AND c.operation = 'cancel' AND c.state = 'intended')
       AND NOT EXISTS (SELECT 1 FROM payment_cases k
                        WHERE k.kind IN ('payment_differs', 'cancel_refused') AND k.subject = payments.id
                          AND k.closed_at IS NULL)
     ORDER BY deadline LIMIT :most
""")
_OVERDUE_MANDATES = text("""
    SELECT id FROM mandates
     WHERE state IN ('intended', 'waiting', 'action_required') AND deadline <= :now ORDER BY deadline LIMIT :most
""")
# Once: what was refused so shortly before it expires is before a person, and is not asked for again and again.
_EXPIRING = text("""
    SELECT id FROM payments
     WHERE state = 'authorised' AND capture_before <= :soon
       AND NOT EXISTS (SELECT 1 FROM provider_calls c WHERE c.payment_id = payments.id
                          AND (c.state = 'intended' OR c.state = 'refused' AND c.operation IN ('capture', 'cancel')
                               AND c.created_at >= payments.capture_before - CAST(:margin AS interval)))
     ORDER BY capture_before LIMIT :most
""")
_WAIT_LONGER = text("UPDATE payments SET deadline = :until WHERE id = :id")


async def keep_deadlines(db: Database, now: datetime) -> None:
    """Let go of payments and mandates whose time is over, and decide about authorisations before they expire.

    Safe to repeat: each is looked at again under its order's lock, and what is under way is not begun twice. What
    could not be settled that way waits for the person before whom it is. Each is tried by itself.
    """
    # What expires goes first: a buyer may wait a little longer, and a reservation that is gone is gone.
    for overdue, settle in (
        (_EXPIRING, _save_authorisation),
        (_OVERDUE, _end_payment),
        (_OVERDUE_MANDATES, _end_mandate),
    ):
        for thing_id in await _found(db, overdue, now):
            await _try(db, settle, thing_id, now)


async def _try(
    db: Database, settle: Callable[[Session, str, datetime], Awaitable[None]], thing_id: str, now: datetime
) -> None:
    """Settle one; whatever stands in the way of it does not stand in the way of others, and it is tried again soon."""
    try:
        async with db.transaction() as tx:
            await settle(tx, thing_id, now)
    except Exception:  # noqa: BLE001 - it stays overdue, so the next run tries again; meanwhile the log has it
        _log.exception("deadline_not_kept", thing=thing_id)


async def _found(db: Database, statement: TextClause, now: datetime) -> list[str]:
    async with db.read() as tx:
        facts = {"now": now, "soon": now + EXPIRY_MARGIN, "margin": EXPIRY_MARGIN, "most": BATCH_MAX}
        return list((await tx.execute(statement, facts)).scalars())


async def _end_payment(tx: Session, payment_id: str, now: datetime) -> None:
    """Let a payment go, unless it was made after all: news of it may have been lost."""
    order, payment, _ = await lock_payment(tx, payment_id)
    if payment.state not in UNSETTLED or payment.deadline is None or payment.deadline > now:
        return
    if payment.state is PaymentState.PROCESSING and payment.provider_id is not None:
        # The buyer did what they could, and the provider cannot stop any more: the goods wait for what comes of it.
        until = now + PAY_WITHIN
        await tx.execute(_WAIT_LONGER, {"id": payment.id, "until": until})
        await keep_hold(tx, order.id, until + RELEASE_AFTER)
        await wish_look(tx, "payment", payment.provider_id, now)
        return
    await let_go(tx, payment, now, unless_paid=True)


async def _end_mandate(tx: Session, mandate_id: str, now: datetime) -> None:
    """Give a mandate up, once it was looked at after its time was over: news that it was given may have been lost."""
    _, mandate = await lock_mandate(tx, mandate_id)
    if mandate.deadline is None or mandate.deadline > now:
        return
    looked = mandate.seen_at is not None and mandate.seen_at >= mandate.deadline
    if mandate.provider_id is not None and not looked and now < mandate.deadline + LOOK_WITHIN:
        await wish_look(tx, "mandate", mandate.provider_id, now)
        return
    await give_up_mandate(tx, mandate_id, now)


async def _save_authorisation(tx: Session, payment_id: str, now: datetime) -> None:
    """Take what is owed while the order stands; let go of what nobody owes."""
    order, payment, _ = await lock_payment(tx, payment_id)
    if payment.state is not PaymentState.AUTHORISED:
        return
    owed = await owed_on(tx, order.id)
    if at_expiry(order.state, owed) is Operation.CANCEL:
        await let_go(tx, payment, now)
    elif not await is_intended(tx, Operation.CAPTURE, payment.id):
        await take_what_is_owed(tx, payment, owed, now)
        told = {"payment": payment.id, "capture_before": str(payment.capture_before)}
        await note(tx, [Happening(order.id, "captured_before_expiry", "worker", told)], now)
