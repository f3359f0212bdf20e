"""Reconcile: our books and the provider's are laid side by side, and say the same afterwards, or a person hears of it.

Shortly: what came of every call that was not answered. Nightly: everything of a stretch of time, from both sides.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from sqlalchemy import Row, TextClause, text

from commerce.kernel.db import Database
from orders.payments.calls import Call
from orders.payments.cases import open_case
from orders.payments.catch_up_mandate import catch_up_mandate
from orders.payments.catch_up_refund import catch_up_refunds
from orders.payments.find_out import find_out
from orders.payments.looks import take_in_payment
from orders.payments.note_dispute import note_dispute
from orders.payments.perform import write_answer
from orders.payments.port import InDoubt, NotNow, PaymentGateway, ProviderRefused, SeenMandate, SeenPayment, SeenRefund
from orders.payments.rules import MandateState, Operation, PaymentState

DOUBT = timedelta(minutes=2)
"""How long a call is only sent again before it is also looked for."""
SETTLING = timedelta(minutes=5)
"""What is younger may be under way, and is left to the next run."""
BATCH_MAX = 200
_log = structlog.get_logger()


class Reconciliation(msgspec.Struct):
    """What laying the books side by side found."""

    since: datetime
    until: datetime
    payments: int = 0
    refunds: int = 0
    mandates: int = 0
    disputes: int = 0
    settled: int = 0
    """Things that the provider knew and we did not, and that are in our books now."""
    cases: int = 0
    """Open differences that wait for a person, of whatever age."""


_DOUBTFUL = text("""
    SELECT c.id, c.operation, c.payment_id, c.mandate_id, c.refund_id, c.facts, c.key, c.key_since, c.tries, c.sent_at,
           p.provider_id, m.customer
      FROM provider_calls c
      LEFT JOIN payments p ON p.id = c.payment_id
      LEFT JOIN mandates m ON m.id = p.mandate_id
     WHERE c.state = 'intended' AND c.sent_at <= :before ORDER BY c.seq LIMIT :most
""")
_BOOKS = text("""
    SELECT state, captured, refunded FROM payments WHERE provider_id = :provider_id OR id = :id
""")
_OURS = text("""
    SELECT id, order_id, provider_id, state, amount, captured FROM payments
     WHERE created_at >= :since AND created_at < :until AND provider_id IS NOT NULL
       AND NOT (provider_id = ANY(CAST(:seen AS text[])))
     ORDER BY id
""")
_OUR_REFUNDS = text("""
    SELECT r.id, r.order_id, r.provider_id, r.state, r.amount, p.provider_id AS payment
      FROM refunds r JOIN payments p ON p.id = r.payment_id
     WHERE r.created_at >= :since AND r.created_at < :until AND r.provider_id IS NOT NULL
       AND NOT (r.provider_id = ANY(CAST(:seen AS text[])))
     ORDER BY r.id
""")
_REFUND_STATE = text("SELECT state FROM refunds WHERE provider_id = :provider_id OR id = :id")
_PAYMENT_OF = text("SELECT id FROM payments WHERE provider_id = :provider_id")
_MANDATE = text("SELECT id, state FROM mandates WHERE provider_id = :provider_id OR id = :id")
_DISPUTE_STATE = text("SELECT state FROM disputes WHERE provider_id = :provider_id")
_OPEN_CASES = text("SELECT count(*) FROM payment_cases WHERE closed_at IS NULL")


async def reconcile_doubts(db: Database, gateway: PaymentGateway, now: datetime) -> int:
    """Look for what came of every call that has been in doubt for two minutes; how many were cleared up.

    Safe to repeat: looking changes nothing there, and what was found is written down once.
    """
    async with db.read() as tx:
        rows = (await tx.execute(_DOUBTFUL, {"before": now - DOUBT, "most": BATCH_MAX})).all()
    cleared = 0
    for row in rows:
        call = Call(row[0], Operation(row[1]), *row[2:10])
        asked_at = db.clock.now()
        try:
            found = await find_out(gateway, call, row[10], row[11])
        except (InDoubt, NotNow, ProviderRefused, TimeoutError) as trouble:
            _log.warning("doubt_stays", call=call.id, error=repr(trouble)[:300])
            continue
        if found is not None:
            await write_answer(db, call, found, asked_at)
            cleared += 1
    return cleared


async def reconcile_between(db: Database, gateway: PaymentGateway, since: datetime, until: datetime) -> Reconciliation:
    """Lay the books of this time side by side, in both directions. What the provider knows better is taken over.

    What is younger than five minutes is left out: it may be under way. Raises InDoubt, NotNow, ProviderRefused.
    """
    until = max(since, min(until, db.clock.now() - SETTLING))
    done = Reconciliation(since, until)
    await _payments(db, gateway, done)
    await _refunds(db, gateway, done)
    await _mandates(db, gateway, done)
    async for dispute in gateway.disputes_between(since, until):
        done.disputes += 1
        async with db.transaction() as tx:
            was = (await tx.execute(_DISPUTE_STATE, {"provider_id": dispute.provider_id})).scalar_one_or_none()
            await note_dispute(tx, dispute, db.clock.now())
        done.settled += was != dispute.state
    async with db.read() as tx:
        done.cases = (await tx.execute(_OPEN_CASES)).scalar_one()
    return done


async def _payments(db: Database, gateway: PaymentGateway, done: Reconciliation) -> None:
    seen: list[str] = []
    async for payment in gateway.payments_between(done.since, done.until):
        seen.append(payment.provider_id)
        before = await _books(db, payment)
        if before != (str(payment.state), payment.captured, payment.refunded):
            # Looked at anew: the list may be minutes old by now.
            asked_at = db.clock.now()
            fresh = await gateway.look(payment.provider_id)
            ours = await take_in_payment(db, gateway, fresh, asked_at)
            if ours is not None:
                after = await _books(db, fresh)
                done.settled += before != after
                await _must_agree(db, ours, fresh, after)
    done.payments = len(seen)

    async def is_there(ours: "Row[Any]") -> bool:
        await gateway.look(ours.provider_id)
        return True

    await _missing(db, done, "payment_missing_at_provider", _OURS, seen, is_there)


async def _books(db: Database, seen: SeenPayment) -> tuple[str, int, int] | None:
    async with db.read() as tx:
        facts = {"provider_id": seen.provider_id, "id": seen.payment_id}
        row = (await tx.execute(_BOOKS, facts)).one_or_none()
    return None if row is None else (row.state, row.captured, row.refunded)


async def _must_agree(db: Database, payment_id: str, seen: SeenPayment, books: tuple[str, int, int] | None) -> None:
    """Put before a person what still differs after our books caught up."""
    state = PaymentState.CAPTURED if seen.captured and seen.state is PaymentState.CANCELLED else seen.state
    theirs = (str(state), seen.captured, seen.refunded)
    if books == theirs:
        return
    now = db.clock.now()
    async with db.transaction() as tx:
        facts = {"ours": list(books or ()), "theirs": list(theirs)}
        await open_case(tx, "payment_differs", payment_id, None, facts, now)


async def _refunds(db: Database, gateway: PaymentGateway, done: Reconciliation) -> None:
    seen: list[str] = []
    async for refund in gateway.refunds_between(done.since, done.until):
        seen.append(refund.provider_id)
        done.settled += await _take_in_refund(db, refund)
    done.refunds = len(seen)

    async def is_there(ours: "Row[Any]") -> bool:
        return any(one.provider_id == ours.provider_id for one in await gateway.refunds_of(ours.payment))

    await _missing(db, done, "refund_missing_at_provider", _OUR_REFUNDS, seen, is_there)


async def _take_in_refund(db: Database, refund: SeenRefund) -> bool:
    async with db.transaction() as tx:
        facts = {"provider_id": refund.provider_id, "id": refund.refund_id}
        state = (await tx.execute(_REFUND_STATE, facts)).scalar_one_or_none()
        payment_id = (await tx.execute(_PAYMENT_OF, {"provider_id": refund.payment})).scalar_one_or_none()
        if state == str(refund.state) or payment_id is None:
            return False
        await catch_up_refunds(tx, payment_id, [refund], db.clock.now())
        return (await tx.execute(_REFUND_STATE, facts)).scalar_one_or_none() != state


async def _mandates(db: Database, gateway: PaymentGateway, done: Reconciliation) -> None:
    async for mandate in gateway.mandates_between(done.since, done.until):
        done.mandates += 1
        done.settled += await _take_in_mandate(db, mandate)


async def _take_in_mandate(db: Database, seen: SeenMandate) -> bool:
    now = db.clock.now()
    async with db.transaction() as tx:
        facts = {"provider_id": seen.provider_id, "id": seen.mandate_id}
        row = (await tx.execute(_MANDATE, facts)).one_or_none()
        if row is None or row.state in {str(seen.state), MandateState.CANCELLED}:
            return False
        await catch_up_mandate(tx, row.id, seen, now, now)
    return True


async def _missing(
    db: Database,
    done: Reconciliation,
    kind: str,
    ours: TextClause,
    seen: list[str],
    is_there: "Callable[[Row[Any]], Awaitable[bool]]",
) -> None:
    """Put before a person what we have of that time and the provider has not.

    Each is looked for by its id first: wanted in that time, it may have been made in another.
    """
    async with db.read() as tx:
        facts = {"since": done.since, "until": done.until, "seen": seen}
        rows = (await tx.execute(ours, facts)).all()
    for row in rows:
        with suppress(ProviderRefused):
            if await is_there(row):
                continue
        told = {"provider_id": row.provider_id, "state": row.state, "amount": row.amount}
        async with db.transaction() as tx:
            await open_case(tx, kind, row.id, row.order_id, told, db.clock.now())
