"""The ledger: what is owed and settled on each order, entered for many orders at once, and nowhere else."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id


class Entry(msgspec.Struct, frozen=True):
    """One line of an order's ledger: owed (positive) or settled (negative)."""

    order_id: str
    kind: str
    amount: int
    currency: str
    reference: str | None = None


_ENTER = text("""
    INSERT INTO ledger_entries (id, order_id, kind, amount, currency, reference, entered_at)
    SELECT e.id, e.order_id, e.kind, e.amount, e.currency, e.reference, :now
      FROM unnest(CAST(:ids AS text[]), CAST(:orders AS text[]), CAST(:kinds AS text[]), CAST(:amounts AS bigint[]),
                  CAST(:currencies AS text[]), CAST(:references AS text[]))
           AS e (id, order_id, kind, amount, currency, reference)
""")


async def enter(tx: Session, entries: Sequence[Entry], now: datetime) -> None:
    """Enter what is owed and settled into the ledger."""
    if not entries:
        return
    facts = {
        "ids": [new_id("led", now) for _ in entries],
        "orders": [entry.order_id for entry in entries],
        "kinds": [entry.kind for entry in entries],
        "amounts": [entry.amount for entry in entries],
        "currencies": [entry.currency for entry in entries],
        "references": [entry.reference for entry in entries],
        "now": now,
    }
    await tx.execute(_ENTER, facts)
