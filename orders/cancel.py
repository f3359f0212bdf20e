"""Cancel orders: the goods are free again, nothing is owed, and everybody hears of it."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from inventory.release import release_holds
from orders.events import OrderCancelled
from orders.moving import lock_order, move_order
from orders.record import Entry, Happening, enter, note
from orders.rules import OrderState

_VOID = text("UPDATE tenders SET state = 'void' WHERE order_id = :id AND state = 'due'")


async def cancel_order(tx: Session, order_id: str, reason: str, actor: str, now: datetime) -> None:
    """Cancel an order of which nothing has left. Raises NotFound, MoveNotAllowed."""
    order = await lock_order(tx, order_id)
    await move_order(tx, order, OrderState.CANCELLED)
    await release_holds(tx, [order.id], now)
    await tx.execute(_VOID, {"id": order.id})
    await enter(tx, [Entry(order.id, "cancellation", -order.total, order.currency)], now)
    await note(tx, [Happening(order.id, "cancelled", actor, {"reason": reason})], now)
    await tell(tx, OrderCancelled(order.id, reason), now)
