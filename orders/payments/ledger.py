"""The ledger: what is owed and settled on each order, entered for many orders at once, and nowhere else."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.rows import Into, Rows, write


class Entry(msgspec.Struct, frozen=True):
    """One line of an order's ledger: owed (positive) or settled (negative)."""

    order_id: str
    kind: str
    amount: int
    currency: str
    reference: str | None = None


_LEDGER = Into("ledger_entries", {
    "id": "text", "order_id": "text", "kind": "text", "amount": "bigint", "currency": "text", "reference": "text",
    "entered_at": "timestamptz",
})  # fmt: skip


async def enter(tx: Session, entries: Sequence[Entry], now: datetime) -> None:
    """Enter what is owed and settled into the ledger."""
    await write(tx, [entered(entries, now)])


def entered(entries: Sequence[Entry], now: datetime) -> Rows:
    """What is owed and settled, as rows of the ledger."""
    return _LEDGER.rows(
        (new_id("led", now), one.order_id, one.kind, one.amount, one.currency, one.reference, now) for one in entries
    )
