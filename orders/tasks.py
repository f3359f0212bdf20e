"""What orders do when they hear news. Each says why it is safe to repeat."""

from datetime import datetime
from typing import Any

from commerce.kernel.db import Session
from commerce.kernel.refusals import MoveNotAllowed, NotFound
from orders.cancel import cancel_order
from orders.record import Happening, note


async def confirm_to_buyer(tx: Session, body: dict[str, Any], now: datetime) -> None:
    """Note on the timeline that the buyer is told of the order.

    Safe to repeat: the delivery is set done in this transaction, and what is done is not claimed again.
    """
    await note(tx, [Happening(body["order_id"], "confirmation_written", "worker")], now)


async def cancel_uncollected(tx: Session, body: dict[str, Any], now: datetime) -> None:
    """Cancel an order whose goods were no longer kept, because nobody collected it in time.

    Safe to repeat: as above; and an order that was collected or cancelled meanwhile stays as it is. A hold that was
    only a basket's is nobody's order.
    """
    try:
        await cancel_order(tx, body["reference"], "not collected in time", "worker", now)
    except (NotFound, MoveNotAllowed):
        return
