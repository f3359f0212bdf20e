"""Catch up: bring our books to what the provider says of payments.

Webhook, the answer to a call, the storefront's word that its buyer is back, and the reconciler all end here, under one
lock. Whatever comes twice, late or in another order changes nothing. What was told of many payments is written
together: a statement for each kind of row, however many there are.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.outbox import tell_many
from commerce.kernel.refusals import NotFound
from commerce.kernel.rows import arrays, as_columns
from inventory.keep import keep_holds
from orders.payments.call_off import call_off, give_back_excess
from orders.payments.cases import open_case
from orders.payments.lapse import note_lapsed
from orders.payments.ledger import Entry, enter
from orders.payments.lock_payment import Locked, Sought, lock_payments
from orders.payments.outcome import PROVIDER, Outcome, Told, is_another, is_idle_twin, outcome
from orders.payments.port import SeenAttempt, SeenPayment
from orders.payments.rules import SECURE, PaymentState, Purpose
from orders.payments.tenders import Online, pay_online
from orders.record import Happening, note
from orders.rules import OrderState

_NEWS = {
    "id": "text", "state": "text", "captured": "bigint", "provider_id": "text", "client_secret": "text",
    "decline_code": "text", "splittable": "bool", "capture_before": "timestamptz", "deadline": "timestamptz",
    "asked_at": "timestamptz",
}  # fmt: skip
_TRIES = {"provider_id": "text", "payment_id": "text", "state": "text", "method": "text", "decline_code": "text"}
# The columns are this module's own; no value is in the text.
_WRITE = text(f"""
    UPDATE payments p
       SET state = r.state, captured = r.captured, provider_id = r.provider_id, client_secret = r.client_secret,
           decline_code = r.decline_code, splittable = r.splittable, capture_before = r.capture_before,
           deadline = r.deadline, seen_at = greatest(p.seen_at, r.asked_at)
      FROM {arrays(_NEWS)} WHERE p.id = r.id
""")  # noqa: S608 - see above
_TRIED = text(f"""
    INSERT INTO payment_attempts AS a (provider_id, payment_id, state, method, decline_code, seen_at)
    SELECT r.provider_id, r.payment_id, r.state, r.method, r.decline_code, :now FROM {arrays(_TRIES)}
    ON CONFLICT (provider_id) DO UPDATE
       SET state = excluded.state, decline_code = excluded.decline_code, seen_at = excluded.seen_at
     WHERE a.state = 'pending' AND excluded.state <> 'pending'
 RETURNING provider_id
""")  # noqa: S608 - see above
_GIVEN = text("""
    UPDATE mandates SET state = 'active', customer = :customer, method = :method, deadline = NULL
     WHERE id = :id AND state NOT IN ('active', 'cancelled')
""")
_NOT_GIVEN = text("UPDATE mandates SET state = 'cancelled', deadline = NULL WHERE id = :id AND state <> 'active'")


async def catch_up(tx: Session, payment_id: str, seen: SeenPayment, asked_at: datetime, now: datetime) -> None:
    """Take over what the provider said of a payment when it was asked at `asked_at`. Raises NotFound."""
    if await catch_up_many(tx, [Told(payment_id, seen, asked_at)], now) == [None]:
        raise NotFound("payment", payment_id)


async def catch_up_many(tx: Session, told: Sequence[Told], now: datetime) -> list[Locked | None]:
    """Take over all that was told; the payments as they were before, None for each that is not ours.

    Of two answers about one order, the second finds the books as the first one left them.
    """
    if not told:
        return []
    found = await lock_payments(tx, [Sought(one.payment_id, one.seen.provider_id) for one in told])
    fresh: dict[str, tuple[Locked, Told]] = {}
    later: list[int] = []
    for n, (locked, one) in enumerate(zip(found, told, strict=True)):
        if locked is not None and locked.order.id in fresh:
            later.append(n)
        elif locked is not None:
            fresh[locked.order.id] = (locked, one)
    await _catch_up(tx, list(fresh.values()), now)
    if later:
        for n, locked in zip(later, await catch_up_many(tx, [told[n] for n in later], now), strict=True):
            found[n] = locked
    return found


async def _catch_up(tx: Session, told: Sequence[tuple[Locked, Told]], now: datetime) -> None:
    """Take over what was told of locked payments, one of each order."""
    ours = [(locked, one) for locked, one in told if await _is_ours(tx, locked, one.seen, now)]
    tries = await _note_attempts(tx, ours, now)
    await _write([outcome(locked, one, now, tries[locked.payment.id]) for locked, one in ours], tx, now)


async def _is_ours(tx: Session, locked: Locked, seen: SeenPayment, now: datetime) -> bool:
    """Whether it is the payment that we asked for; one that cannot be is put before a person."""
    order, payment, _ = locked
    if is_idle_twin(payment.provider_id, seen):
        return False
    if is_another(payment, seen):
        facts = {"asked": payment.amount, "seen": seen.amount, "captured": seen.captured, "currency": seen.currency}
        await open_case(tx, "payment_differs", payment.id, order.id, facts, now)
        return False
    return True


async def _note_attempts(
    tx: Session, told: Sequence[tuple[Locked, Told]], now: datetime
) -> dict[str, list[SeenAttempt]]:
    """Write down the buyers' tries; those that are news, by the payment's id."""
    tries = {locked.payment.id: _tries(one) for locked, one in told}
    rows = [
        (one.provider_id, payment_id, str(one.state), one.method, one.decline_code)
        for payment_id, attempts in tries.items()
        for one in attempts
    ]
    if not rows:
        return tries
    news = set((await tx.execute(_TRIED, {**as_columns(_TRIES, rows), "now": now})).scalars())
    return {payment_id: [one for one in attempts if one.provider_id in news] for payment_id, attempts in tries.items()}


def _tries(told: Told) -> list[SeenAttempt]:
    """Every try in what was told, once; of the last one it says most itself."""
    tries = {one.provider_id: one for one in told.attempts}
    if told.seen.attempt is not None:
        tries[told.seen.attempt.provider_id] = told.seen.attempt
    return list(tries.values())


async def _write(outcomes: Sequence[Outcome], tx: Session, now: datetime) -> None:
    """Write what follows from what was told of locked payments, one of each order."""
    if not outcomes:
        return
    await tx.execute(_WRITE, as_columns(_NEWS, map(_row, outcomes)))
    more = [(one.payment, one.taken.more) for one in outcomes if one.taken.more]
    await pay_online(tx, [Online(payment.order_id, amount, payment.id) for payment, amount in more], now)
    await enter(tx, [Entry(p.order_id, "payment", -amount, p.currency, p.id) for p, amount in more], now)
    kept = await keep_holds(tx, {one.order.id: one.keep.until for one in outcomes if one.keep})
    happenings = [happening for one in outcomes for happening in one.happenings]
    await note(tx, [*happenings, *(_too_late(one) for one in outcomes if _is_too_late(one, kept))], now)
    for one in outcomes:
        await _tell_mandate(tx, one)
    await tell_many(tx, [event for one in outcomes for event in one.events], now)
    for one in outcomes:
        if one.calls_off:
            await call_off(tx, one.order.id, now)
    await note_lapsed(tx, [one for one in outcomes if one.lapsed], now)
    await give_back_excess(tx, [payment.order_id for payment, _ in more], now)


def _row(one: Outcome) -> tuple[object, ...]:
    payment, (_, seen, asked_at, _) = one.payment, one.told
    fresh = payment.seen_at is None or asked_at >= payment.seen_at
    # Of the card that holds the money, where it is told: one that was declined before may have been of another kind.
    held = seen.state in SECURE and seen.attempt is not None
    return (
        payment.id, str(one.taken.state), one.taken.captured, seen.provider_id,
        seen.client_secret or payment.client_secret, seen.decline_code if fresh else payment.decline_code,
        seen.splittable if held else payment.splittable,
        (seen.capture_before if held else None) or payment.capture_before, one.deadline, asked_at,
    )  # fmt: skip


def _is_too_late(one: Outcome, kept: set[str]) -> bool:
    """Whether the goods' time ran out a moment ago; whoever ended it is about to cancel the order, and call it off."""
    return one.secured and one.keep is not None and one.order.id not in kept


def _too_late(one: Outcome) -> Happening:
    return Happening(one.order.id, "paid_too_late", PROVIDER, {"payment": one.payment.id})


async def _tell_mandate(tx: Session, one: Outcome) -> None:
    """With a deposit, the means that paid it is saved, or is not."""
    if one.payment.purpose is not Purpose.DEPOSIT or one.taken.state is one.payment.state:
        return
    if one.taken.state is PaymentState.CANCELLED:
        await tx.execute(_NOT_GIVEN, {"id": one.payment.mandate_id})
    elif one.secured and one.order.state is not OrderState.CANCELLED:
        seen = one.told.seen
        await tx.execute(_GIVEN, {"id": one.payment.mandate_id, "customer": seen.customer, "method": seen.method})
