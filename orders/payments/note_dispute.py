"""Note disputes: a buyer objects at their bank; we record it, show it, and put it before a person."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from orders.payments.cases import open_case
from orders.payments.outcome import PROVIDER
from orders.payments.port import SeenDispute
from orders.record import Happening, note

_ADD = text("""
    INSERT INTO disputes (provider_id, payment_id, amount, currency, reason, state, due_by, created_at, seen_at)
    VALUES (:provider_id, (SELECT id FROM payments WHERE provider_id = :payment), :amount, :currency, :reason, :state,
            :due_by, :created_at, :asked_at)
    ON CONFLICT (provider_id) DO NOTHING
 RETURNING payment_id
""")
_KNOWN = text("""
    SELECT d.payment_id, d.state, d.seen_at, (SELECT id FROM payments WHERE provider_id = :payment) AS found
      FROM disputes d WHERE d.provider_id = :provider_id FOR UPDATE OF d
""")
_MOVE = text("""
    UPDATE disputes SET state = :state, amount = :amount, due_by = :due_by, seen_at = :asked_at
     WHERE provider_id = :provider_id
""")
_FIND = text("UPDATE disputes SET payment_id = :found WHERE provider_id = :provider_id")
_ORDER = text("SELECT order_id FROM payments WHERE id = :id")


_DECIDED = frozenset({"won", "lost"})


async def note_dispute(tx: Session, seen: SeenDispute, asked_at: datetime, now: datetime) -> bool:
    """Take over how a dispute stood at `asked_at`, and of which payment it is, once that is known; True if it is news.

    What is won or lost stays so, and of two answers the one that was asked for later stands, whichever comes first.
    """
    facts = {
        "provider_id": seen.provider_id,
        "payment": seen.payment,
        "amount": seen.amount,
        "currency": seen.currency,
        "reason": seen.reason,
        "state": seen.state,
        "due_by": seen.due_by,
        "created_at": seen.created_at,
        "asked_at": asked_at,
    }
    added = (await tx.execute(_ADD, facts)).one_or_none()
    if added is not None:
        await _tell(tx, seen, seen.state, added.payment_id, now)
        return True
    known = (await tx.execute(_KNOWN, facts)).one()
    fresh = asked_at >= known.seen_at and known.state not in _DECIDED
    if fresh:
        await tx.execute(_MOVE, facts)
    found = known.payment_id is None and known.found is not None
    if found:
        await tx.execute(_FIND, {"provider_id": seen.provider_id, "found": known.found})
    state = seen.state if fresh else known.state
    if not found and state == known.state:
        return False
    await _tell(tx, seen, state, known.payment_id or known.found, now)
    return True


async def _tell(tx: Session, seen: SeenDispute, state: str, payment_id: str | None, now: datetime) -> None:
    """Put it on the order's timeline, and before a person."""
    told = {"dispute": seen.provider_id, "state": state, "reason": seen.reason, "amount": seen.amount}
    order_id = None
    if payment_id is not None:
        order_id = (await tx.execute(_ORDER, {"id": payment_id})).scalar_one()
        await note(tx, [Happening(order_id, "payment_disputed", PROVIDER, told)], now)
    await open_case(tx, "dispute", seen.provider_id, order_id, told, now)
