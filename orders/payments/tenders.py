"""Tenders: what buyers promised and gave, written for many orders at once, and nowhere else."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.bodies import Amount
from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.rows import Into, Rows, arrays, as_columns, write
from orders.payments.rules import Settled
from orders.rules import TenderKind
from orders.schemas import TenderView

Tendered = tuple[str, Sequence[Settled]]
"""An order's id and its tenders."""

_TENDERS = Into("tenders", {
    "id": "text", "order_id": "text", "kind": "text", "state": "text", "amount": "bigint", "given": "bigint",
    "change": "bigint", "reference": "text", "recorded_at": "timestamptz",
})  # fmt: skip
_PAID = {"order_id": "text", "amount": "bigint", "payment": "text"}
# The columns are this module's own; no value is in the text.
_PAY_WHOLE = text(f"""
    UPDATE tenders t SET state = 'paid', reference = r.payment, recorded_at = :now
      FROM {arrays(_PAID)}
     WHERE t.order_id = r.order_id AND t.state = 'due' AND t.kind = 'online' AND t.amount = r.amount
 RETURNING t.order_id
""")  # noqa: S608 - see above
_PAY_PART = text("""
    UPDATE tenders SET amount = amount - :amount, given = given - :amount
     WHERE order_id = :id AND state = 'due' AND kind = 'online' AND amount > :amount
""")
_PAY_MORE = text("""
    UPDATE tenders SET state = 'void' WHERE order_id = :id AND state = 'due' AND kind = 'online' AND amount < :amount
""")
_VOID = text("UPDATE tenders SET state = 'void' WHERE order_id = :id AND state = 'due'")


async def promise_many(tx: Session, tendered: Sequence[Tendered], now: datetime) -> None:
    """Write what is due; it waits until it is paid or void."""
    await write(tx, [promised(tendered, now)])


async def take_many(tx: Session, tendered: Sequence[Tendered], now: datetime) -> None:
    """Write what was paid."""
    await write(tx, [taken(tendered, now)])


def promised(tendered: Sequence[Tendered], now: datetime) -> Rows:
    """What is due, as rows."""
    return _rows(tendered, "due", now)


def taken(tendered: Sequence[Tendered], now: datetime) -> Rows:
    """What was paid, as rows."""
    return _rows(tendered, "paid", now)


async def void_due(tx: Session, order_id: str) -> None:
    """Nobody waits any longer for what is due. Nothing due is no error."""
    await tx.execute(_VOID, {"id": order_id})


class Online(NamedTuple):
    """Money that came through the provider, in minor units."""

    order_id: str
    amount: int
    payment_id: str


async def pay_online(tx: Session, paid: Sequence[Online], now: datetime) -> None:
    """Money came through the provider for orders that are locked: so much less is due, and a tender of it is paid.

    Where less or nothing is due any more (something was cancelled meanwhile), all that came is a tender all the same.
    """
    if not paid:
        return
    whole = set((await tx.execute(_PAY_WHOLE, {**as_columns(_PAID, paid), "now": now})).scalars())
    for order_id, amount, payment_id in paid:
        if order_id not in whole:
            await tx.execute(_PAY_MORE, {"id": order_id, "amount": amount})
            await tx.execute(_PAY_PART, {"id": order_id, "amount": amount})
            await take_many(tx, [(order_id, [Settled(TenderKind.ONLINE, amount, amount, 0, payment_id)])], now)


def shown(tenders: Sequence[Settled], state: str, currency: str) -> list[TenderView]:
    """Tenders as an order shows them."""
    return [
        TenderView(one.kind, state, Amount(one.amount, currency), Amount(one.given, currency),
                   Amount(one.change, currency))
        for one in tenders
    ]  # fmt: skip


def _rows(tendered: Sequence[Tendered], state: str, now: datetime) -> Rows:
    settled = [(order_id, one) for order_id, tenders in tendered for one in tenders]
    # In order, so that tenders are shown in the order they were given.
    ids = sorted(new_id("tnd", now) for _ in settled)
    return _TENDERS.rows(
        (tender_id, order_id, one.kind, state, one.amount, one.given, one.change, one.reference, now)
        for tender_id, (order_id, one) in zip(ids, settled, strict=True)
    )
