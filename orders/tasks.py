"""What orders do when they hear news. Each says why it is safe to repeat."""

from datetime import datetime
from typing import Any

from commerce.kernel.db import Session
from commerce.kernel.refusals import MoveNotAllowed, NotFound
from orders.cancel import cancel_order
from orders.moving import lock_order
from orders.payments.secured import is_secured, is_unpaid
from orders.record import Happening, note
from orders.rules import HOLDING


async def confirm_to_buyer(tx: Session, body: dict[str, Any], now: datetime) -> None:
    """Note on the timeline that the buyer is told of the order.

    Safe to repeat: the delivery is set done in this transaction, and what is done is not claimed again.
    """
    await note(tx, [Happening(body["order_id"], "confirmation_written", "worker")], now)


async def cancel_unpaid(tx: Session, body: dict[str, Any], now: datetime) -> None:
    """Cancel an order, or what has not left of it, whose payment will not come in this way or another.

    Safe to repeat: as above; and an order that was cancelled or sent meanwhile stays as it is.
    """
    order = await lock_order(tx, body["order_id"])
    if order.state not in HOLDING or not await is_unpaid(tx, order.id):
        return
    await cancel_order(tx, order.id, "not paid in time", "worker", now)


async def cancel_uncollected(tx: Session, body: dict[str, Any], now: datetime) -> None:
    """Cancel an order whose goods were no longer kept, because nobody paid or collected it in time.

    Safe to repeat: as above; and an order that was collected or cancelled meanwhile stays as it is. A hold that was
    only a basket's is nobody's order.
    """
    try:
        secured = await is_secured(tx, body["reference"])
        reason = "not collected in time" if secured else "not paid in time"
        await cancel_order(tx, body["reference"], reason, "worker", now)
    except (NotFound, MoveNotAllowed):
        return
