"""Pay what is due: the promise to pay on collection becomes the tenders that were given."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from orders.moving import OrderHead
from orders.payments.rules import Settled
from orders.record import Entry, enter

_VOID = text("UPDATE tenders SET state = 'void' WHERE order_id = :id AND state = 'due'")
_PAID = text("""
    INSERT INTO tenders (id, order_id, kind, state, amount, given, change, reference, recorded_at)
    SELECT t.id, :order_id, t.kind, 'paid', t.amount, t.given, t.change, t.reference, :now
      FROM unnest(CAST(:ids AS text[]), CAST(:kinds AS text[]), CAST(:amounts AS bigint[]), CAST(:given AS bigint[]),
                  CAST(:changes AS bigint[]), CAST(:references AS text[]))
           AS t (id, kind, amount, given, change, reference)
""")


async def pay_due(tx: Session, order: OrderHead, settled: Sequence[Settled], now: datetime) -> None:
    """Put these tenders, which pay the total exactly, in the place of the promise, and enter them into the ledger."""
    assert sum(tender.amount for tender in settled) == order.total
    await tx.execute(_VOID, {"id": order.id})
    facts = {
        "ids": sorted(new_id("tnd", now) for _ in settled),
        "order_id": order.id,
        "kinds": [str(tender.kind) for tender in settled],
        "amounts": [tender.amount for tender in settled],
        "given": [tender.given for tender in settled],
        "changes": [tender.change for tender in settled],
        "references": [tender.reference for tender in settled],
        "now": now,
    }
    await tx.execute(_PAID, facts)
    await enter(tx, [Entry(order.id, "payment", -tender.amount, order.currency) for tender in settled], now)
