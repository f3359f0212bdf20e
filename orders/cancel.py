"""Cancel orders: the goods are free again, nothing is owed, and everybody hears of it."""

from datetime import datetime

from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from inventory.release import release_holds
from orders.cancel_rest import cancel_rest
from orders.customers.first_purchase import give_back_first_purchases
from orders.events import OrderCancelled
from orders.moving import lock_order, move_order
from orders.payments.call_off import call_off
from orders.payments.ledger import Entry, enter
from orders.payments.tenders import void_due
from orders.record import Happening, note
from orders.reports.facts import record_cancellation
from orders.rules import OrderState
from pricing.promotions.give_back import give_back_to_persons, give_back_uses
from pricing.promotions.rules import Why


async def cancel_order(tx: Session, order_id: str, reason: str, actor: str, now: datetime) -> None:
    """Cancel an order, or what has not left of it if a part was shipped. Raises NotFound, MoveNotAllowed."""
    order = await lock_order(tx, order_id)
    if order.state is OrderState.PART_SHIPPED:
        await cancel_rest(tx, order, reason, actor, now)
        return
    await move_order(tx, order, OrderState.CANCELLED)
    given = await give_back_uses(tx, [order.id], Why.CANCELLED, now)  # before goods: the law of locking
    await release_holds(tx, [order.id], now)
    await give_back_to_persons(tx, given)
    await give_back_first_purchases(tx, [order.id])
    await void_due(tx, order.id)
    await enter(tx, [Entry(order.id, "cancellation", -order.total, order.currency)], now)
    await call_off(tx, order.id, now)
    await record_cancellation(tx, order.id, now)
    await note(tx, [Happening(order.id, "cancelled", actor, {"reason": reason})], now)
    await tell(tx, OrderCancelled(order.id, reason), now)
