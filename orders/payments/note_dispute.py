"""Note disputes: a buyer objects at their bank; we record it, show it, and put it before a person."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from orders.payments.cases import open_case
from orders.payments.outcome import PROVIDER
from orders.payments.port import SeenDispute
from orders.record import Happening, note

_WRITE = text("""
    INSERT INTO disputes AS d (provider_id, payment_id, amount, currency, reason, state, due_by, created_at, seen_at)
    VALUES (:provider_id, (SELECT id FROM payments WHERE provider_id = :payment), :amount, :currency, :reason, :state,
            :due_by, :created_at, :now)
    ON CONFLICT (provider_id) DO UPDATE
       SET payment_id = coalesce(d.payment_id, excluded.payment_id), amount = excluded.amount, due_by = excluded.due_by,
           seen_at = excluded.seen_at,
           state = CASE WHEN d.state IN ('won', 'lost') THEN d.state ELSE excluded.state END
     WHERE d.state <> excluded.state AND d.state NOT IN ('won', 'lost')
        OR d.payment_id IS NULL AND excluded.payment_id IS NOT NULL
 RETURNING payment_id
""")
_ORDER = text("SELECT order_id FROM payments WHERE id = :id")


async def note_dispute(tx: Session, seen: SeenDispute, now: datetime) -> bool:
    """Take over how a dispute stands, and of which payment it is as soon as we know that; True if it is news.

    What is won or lost stays so.
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
        "now": now,
    }
    changed = (await tx.execute(_WRITE, facts)).first()
    if changed is None:
        return False
    payment_id: str | None = changed[0]
    told = {"dispute": seen.provider_id, "state": seen.state, "reason": seen.reason, "amount": seen.amount}
    order_id = None
    if payment_id is not None:
        order_id = (await tx.execute(_ORDER, {"id": payment_id})).scalar_one()
        await note(tx, [Happening(order_id, "payment_disputed", PROVIDER, told)], now)
    await open_case(tx, "dispute", seen.provider_id, order_id, told, now)
    return True
