"""Reconcile: our books and the provider's are laid side by side, and say the same afterwards, or a person hears of it.

Shortly: what came of every call that was not answered. Nightly: everything of a stretch of time, from both sides.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import structlog
from sqlalchemy import Row, TextClause, text

from commerce.kernel.db import Database
from orders.payments.calls import Call
from orders.payments.cases import note_trouble, open_case
from orders.payments.catch_up_mandate import catch_up_mandate
from orders.payments.catch_up_refund import catch_up_refunds
from orders.payments.find_out import find_out
from orders.payments.looks import Looked, settle_alone, take_in_payment
from orders.payments.note_dispute import note_dispute
from orders.payments.outcome import Told, is_idle_twin
from orders.payments.patience import Patience, twice
from orders.payments.perform import write_answer
from orders.payments.port import (
    InDoubt,
    NotNow,
    PaymentGateway,
    ProviderRefused,
    SeenDispute,
    SeenMandate,
    SeenPayment,
    SeenRefund,
)
from orders.payments.rules import MandateState, Operation, PaymentState

DOUBT = timedelta(minutes=2)
"""How long a call is only sent again before it is also looked for."""
SETTLING = timedelta(minutes=5)
"""What is younger may be under way, and is left to the next run."""
BANKS_TAKE = timedelta(days=35)
"""So long after it was made may a refund still fail: a bank has thirty days to send it back (docs.stripe.com/refunds),
and we have some days to look. Its news is given up long before."""
BATCH_MAX = 200
_log = structlog.get_logger()


class Reconciliation(msgspec.Struct):
    """What laying the books side by side found."""

    since: datetime
    until: datetime
    payments: int = 0
    refunds: int = 0
    """Those that may still fail among them, where the time goes up to today."""
    mandates: int = 0
    disputes: int = 0
    settled: int = 0
    """Things that the provider knew and we did not, and that are in our books now."""
    cases: int = 0
    """Open differences that wait for a person, of whatever age."""
    not_seen: int = 0
    """Things, and lists of things, that could not be looked at: this is to be done once more."""
    trouble: str | None = None
    """What stood in the way of the first of them."""


class _Books(NamedTuple):
    """A payment as our books have it. What is on its way back counts as gone, as it does at the provider."""

    order_id: str
    state: str
    captured: int
    refunded: int
    provider_id: str | None


_DOUBTFUL = text("""
    SELECT c.id, c.operation, c.payment_id, c.mandate_id, c.refund_id, c.facts, c.key, c.key_since, c.tries, c.sent_at,
           p.provider_id, m.customer, c.seq
      FROM provider_calls c
      LEFT JOIN payments p ON p.id = c.payment_id
      LEFT JOIN mandates m ON m.id = p.mandate_id
     WHERE c.state = 'intended' AND c.sent_at <= :before AND c.seq > :after ORDER BY c.seq LIMIT :most
""")
_BOOKS = text("""
    SELECT p.order_id, p.state, p.captured,
           (SELECT coalesce(sum(amount), 0) FROM refunds r
             WHERE r.payment_id = p.id AND r.state IN ('pending', 'succeeded'))::bigint,
           p.provider_id
      FROM payments p WHERE p.provider_id = :provider_id OR p.id = :id
""")
_OURS = text("""
    SELECT id, order_id, provider_id, state, amount FROM payments
     WHERE (created_at >= :since OR state NOT IN ('captured', 'cancelled'))
       AND created_at < :until AND provider_id IS NOT NULL
       AND NOT (provider_id = ANY(CAST(:seen AS text[])))
     ORDER BY id
""")
_OUR_REFUNDS = text("""
    SELECT r.id, r.order_id, r.payment_id, r.provider_id, r.state, r.amount, p.provider_id AS provider_payment
      FROM refunds r JOIN payments p ON p.id = r.payment_id
     WHERE (r.created_at >= :since OR r.state = 'pending') AND r.created_at < :until AND r.provider_id IS NOT NULL
       AND NOT (r.provider_id = ANY(CAST(:seen AS text[])))
     ORDER BY r.id
""")
# Ours by the provider's id; by our own only where it has none yet, since a second one may have been made under it.
_REFUND_STATE = text("""
    SELECT state FROM refunds WHERE provider_id = :provider_id OR id = :id AND provider_id IS NULL
     ORDER BY provider_id LIMIT 1
""")
_PAYMENT_OF = text("SELECT id FROM payments WHERE provider_id = :provider_id")
_MANDATE = text("SELECT id, state FROM mandates WHERE provider_id = :provider_id OR id = :id")
_OPEN_DISPUTES = text("""
    SELECT d.provider_id AS id, p.order_id, d.provider_id, d.state, d.amount
      FROM disputes d LEFT JOIN payments p ON p.id = d.payment_id
     WHERE d.state NOT IN ('won', 'lost', 'warning_closed') AND NOT (d.provider_id = ANY(CAST(:seen AS text[])))
     ORDER BY d.provider_id
""")
_OPEN_CASES = text("SELECT count(*) FROM payment_cases WHERE closed_at IS NULL")


async def reconcile_doubts(db: Database, gateway: PaymentGateway, now: datetime) -> int:
    """Look for what came of every call that has been in doubt for two minutes; how many were cleared up.

    Every one of them, however many stay in doubt. Safe to repeat: looking changes nothing there, and what was found is
    written down once.
    """
    cleared, after = 0, 0
    while True:
        async with db.read() as tx:
            facts = {"before": now - DOUBT, "after": after, "most": BATCH_MAX}
            rows = (await tx.execute(_DOUBTFUL, facts)).all()
        for row in rows:
            call = Call(row[0], Operation(row[1]), *row[2:10])
            cleared += await _clear_up(db, gateway, call, row.provider_id, row.customer)
        if len(rows) < BATCH_MAX:
            return cleared
        after = rows[-1].seq


async def _clear_up(
    db: Database, gateway: PaymentGateway, call: Call, provider_id: str | None, customer: str | None
) -> bool:
    """Look for what came of one call; whatever stands in the way of it does not stand in the way of others."""
    asked_at = db.clock.now()
    try:
        found = await find_out(gateway, call, provider_id, customer)
        if found is not None:
            await write_answer(db, call, found, asked_at)
    except (InDoubt, NotNow, TimeoutError) as trouble:
        _log.warning("doubt_stays", call=call.id, error=repr(trouble)[:300])
        async with db.transaction() as tx:
            await note_trouble(tx, trouble, db.clock.now())
        return False
    except Exception:  # noqa: BLE001 - the call stays in doubt, so the next run looks again; meanwhile the log has it
        _log.exception("doubt_not_understood", call=call.id)
        return False
    return found is not None


async def reconcile_between(db: Database, gateway: PaymentGateway, since: datetime, until: datetime) -> Reconciliation:
    """Lay the books of this time side by side, in both directions. What the provider knows better is taken over.

    What is younger than five minutes is left out: it may be under way. What is open with us is looked at, however old:
    reservations last a week, disputes and refunds take several. What cannot be looked at is counted, and does not stand
    in the way of others. Raises AccountRefused, and where no list can be read what stood in the way of the first:
    InDoubt, NotNow, ProviderRefused.
    """
    until = max(since, min(until, db.clock.now() - SETTLING))
    done, patience = Reconciliation(since, until), Patience()
    await _payments(db, gateway, done, patience)
    await _refunds(db, gateway, done, patience)
    await _mandates(db, gateway, done, patience)
    await _disputes(db, gateway, done, patience)
    if not patience.read and patience.first is not None:
        raise patience.first
    async with db.read() as tx:
        done.cases = (await tx.execute(_OPEN_CASES)).scalar_one()
    done.not_seen, done.trouble = patience.passed_over, patience.trouble
    return done


async def _payments(db: Database, gateway: PaymentGateway, done: Reconciliation, patience: Patience) -> None:
    seen: list[str] = []
    with patience.over_all("payments"):
        async for payment in gateway.payments_between(done.since, done.until):
            seen.append(payment.provider_id)
            with patience.over_one(payment.provider_id):
                if _differ(await _books(db, payment), payment):
                    # Looked at anew: the list may be minutes old by now.
                    await _take_in_payment(db, gateway, done, payment.provider_id)
        for row in await _unseen(db, _OURS, done, seen):
            # Lists go by the provider's clock and by whole seconds, so what is not in one may be there all the same.
            with patience.over_one(row.provider_id):
                try:
                    await _take_in_payment(db, gateway, done, row.provider_id)
                except ProviderRefused as no:
                    await _missing(db, "payment_missing_at_provider", row, no.code)
    done.payments = len(seen)


async def _take_in_payment(db: Database, gateway: PaymentGateway, done: Reconciliation, provider_id: str) -> None:
    asked_at = db.clock.now()
    fresh = await twice(lambda: gateway.look(provider_id))
    before = await _books(db, fresh)
    looked = Looked(Told(fresh.payment_id, fresh, asked_at))
    payment_id = await take_in_payment(db, gateway, looked, settle_alone(db))
    after = await _books(db, fresh)
    done.settled += before != after
    await _note_difference(db, payment_id, fresh)


async def _note_difference(db: Database, payment_id: str | None, fresh: SeenPayment) -> None:
    """Put before a person what still differs when our books have caught up."""
    after = await _books(db, fresh)
    if payment_id is not None and after is not None and _differ(after, fresh):
        facts = {
            "ours": [after.state, after.captured, after.refunded],
            "theirs": [str(fresh.state), fresh.captured, fresh.refunded],
        }
        async with db.transaction() as tx:
            await open_case(tx, "payment_differs", payment_id, after.order_id, facts, db.clock.now())


async def _books(db: Database, seen: SeenPayment) -> _Books | None:
    async with db.read() as tx:
        facts = {"provider_id": seen.provider_id, "id": seen.payment_id}
        row = (await tx.execute(_BOOKS, facts)).one_or_none()
    return None if row is None else _Books(*row)


def _differ(books: _Books | None, seen: SeenPayment) -> bool:
    """Whether our books say something else; what was taken of a payment before the rest was let go was captured."""
    state = PaymentState.CAPTURED if seen.captured and seen.state is PaymentState.CANCELLED else seen.state
    if books is None:
        return True
    if is_idle_twin(books.provider_id, seen):
        return False
    return (books.state, books.captured, books.refunded) != (str(state), seen.captured, seen.refunded)


async def _refunds(db: Database, gateway: PaymentGateway, done: Reconciliation, patience: Patience) -> None:
    seen: list[str] = []
    since = _refunds_since(done, db.clock.now())
    with patience.over_all("refunds"):
        async for refund in gateway.refunds_between(since, done.until):
            seen.append(refund.provider_id)
            with patience.over_one(refund.provider_id):
                done.settled += await _take_in_refund(db, gateway, refund)
        for row in await _unseen(db, _OUR_REFUNDS, done, seen, since=since):
            with patience.over_one(row.provider_id):
                found = await _find_refund(db, gateway, row)
                if found is not None:
                    done.settled += await _take_in_refund(db, gateway, found)
    done.refunds = len(seen)


def _refunds_since(done: Reconciliation, now: datetime) -> datetime:
    """From when on refunds are listed: one that succeeded weeks ago may have failed since.

    That is of today, so days of long ago are not read over and over. A list tells of a hundred at once.
    """
    return min(done.since, done.until - BANKS_TAKE) if now - done.until < timedelta(days=1) else done.since


async def _find_refund(db: Database, gateway: PaymentGateway, row: "Row[Any]") -> SeenRefund | None:
    """A refund of ours that is on no list, from among its payment's."""
    try:
        made = await gateway.refunds_of(row.provider_payment)
    except ProviderRefused as no:
        await _missing(db, "refund_missing_at_provider", row, no.code)
        return None
    found = next((refund for refund in made if refund.provider_id == row.provider_id), None)
    if found is None:
        await _missing(db, "refund_missing_at_provider", row, "not among the payment's")
    return found


async def _take_in_refund(db: Database, gateway: PaymentGateway, refund: SeenRefund) -> bool:
    """Take over a refund that differs, with all others of its payment: one that failed makes room for another."""
    facts = {"provider_id": refund.provider_id, "id": refund.refund_id}
    async with db.read() as tx:
        state = (await tx.execute(_REFUND_STATE, facts)).scalar_one_or_none()
        payment_id = (await tx.execute(_PAYMENT_OF, {"provider_id": refund.payment})).scalar_one_or_none()
    if state == str(refund.state) or payment_id is None:
        return False
    made = await gateway.refunds_of(refund.payment)
    async with db.transaction() as tx:
        await catch_up_refunds(tx, payment_id, made, db.clock.now())
        settled: bool = (await tx.execute(_REFUND_STATE, facts)).scalar_one_or_none() != state
    await _note_difference(db, payment_id, await twice(lambda: gateway.look(refund.payment)))
    return settled


async def _mandates(db: Database, gateway: PaymentGateway, done: Reconciliation, patience: Patience) -> None:
    with patience.over_all("mandates"):
        async for mandate in gateway.mandates_between(done.since, done.until):
            done.mandates += 1
            with patience.over_one(mandate.provider_id):
                done.settled += await _take_in_mandate(db, mandate)


async def _take_in_mandate(db: Database, seen: SeenMandate) -> bool:
    now = db.clock.now()
    async with db.transaction() as tx:
        facts = {"provider_id": seen.provider_id, "id": seen.mandate_id}
        row = (await tx.execute(_MANDATE, facts)).one_or_none()
        if row is None or row.state in {str(seen.state), MandateState.CANCELLED}:
            return False
        await catch_up_mandate(tx, row.id, seen, now, now)
        return bool((await tx.execute(_MANDATE, facts)).one().state != row.state)


async def _disputes(db: Database, gateway: PaymentGateway, done: Reconciliation, patience: Patience) -> None:
    seen: list[str] = []
    with patience.over_all("disputes"):
        asked_at = db.clock.now()
        async for dispute in gateway.disputes_between(done.since, done.until):
            seen.append(dispute.provider_id)
            with patience.over_one(dispute.provider_id):
                done.settled += await _take_in_dispute(db, dispute, asked_at)
        for row in await _unseen(db, _OPEN_DISPUTES, done, seen):
            with patience.over_one(row.provider_id):
                await _look_at_dispute(db, gateway, done, row)
    done.disputes += len(seen)


async def _look_at_dispute(db: Database, gateway: PaymentGateway, done: Reconciliation, row: "Row[Any]") -> None:
    asked_at = db.clock.now()
    try:
        dispute = await twice(lambda: gateway.look_at_dispute(row.provider_id))
    except ProviderRefused as no:
        await _missing(db, "dispute_missing_at_provider", row, no.code)
        return
    done.disputes += 1
    done.settled += await _take_in_dispute(db, dispute, asked_at)


async def _take_in_dispute(db: Database, dispute: SeenDispute, asked_at: datetime) -> bool:
    async with db.transaction() as tx:
        return await note_dispute(tx, dispute, asked_at, db.clock.now())


async def _unseen(
    db: Database, ours: TextClause, done: Reconciliation, seen: list[str], *, since: datetime | None = None
) -> "Sequence[Row[Any]]":
    """What we have of that time, or still open, and the provider did not list."""
    async with db.read() as tx:
        facts = {"since": since or done.since, "until": done.until, "seen": seen}
        return (await tx.execute(ours, facts)).all()


async def _missing(db: Database, kind: str, row: "Row[Any]", why: str) -> None:
    """Put before a person what we have and the provider has not."""
    told = {"provider_id": row.provider_id, "state": row.state, "amount": row.amount, "why": why}
    async with db.transaction() as tx:
        await open_case(tx, kind, row.id, row.order_id, told, db.clock.now())
