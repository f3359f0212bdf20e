"""Pay what is due: the promise to pay becomes the tenders that were given."""

from collections.abc import Sequence
from datetime import datetime

from commerce.kernel.db import Session
from orders.moving import OrderHead
from orders.payments.ledger import Entry, enter
from orders.payments.rules import Settled
from orders.payments.tenders import take_many, void_due


async def pay_due(tx: Session, order: OrderHead, settled: Sequence[Settled], now: datetime) -> None:
    """Put these tenders, which pay the total exactly, in the place of the promise, and enter them into the ledger."""
    assert sum(tender.amount for tender in settled) == order.total
    await void_due(tx, order.id)
    await take_many(tx, [(order.id, settled)], now)
    await enter(tx, [Entry(order.id, "payment", -tender.amount, order.currency) for tender in settled], now)
