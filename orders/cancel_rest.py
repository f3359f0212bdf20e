"""Cancel the rest: part of an order has left, the remainder never will, and only what was sent is owed."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.money import cumulative_part
from commerce.kernel.outbox import tell
from inventory.release import release_holds
from orders.events import OrderPartlyCancelled
from orders.moving import OrderHead, move_order
from orders.payments.call_off import release_rest
from orders.payments.ledger import Entry, enter
from orders.payments.plans import plan_of
from orders.payments.rules import due_for
from orders.payments.secured import owed_on
from orders.payments.tenders import promise_many, void_due
from orders.promotion_uses import give_back_what_is_over
from orders.record import Happening, note
from orders.reports.facts import record_rest_cancelled
from orders.rules import OrderState
from pricing.promotions.give_back import give_back_to_persons

_CANCEL = text("""
    UPDATE order_lines l SET cancelled = l.quantity - l.sent FROM orders o
     WHERE o.id = l.order_id AND l.order_id = :id AND l.sent < l.quantity
 RETURNING l.line_total + CASE WHEN o.prices_include_tax THEN 0 ELSE l.tax_total END AS worth, l.quantity, l.sent,
           l.cancelled
""")


async def cancel_rest(tx: Session, order: OrderHead, reason: str, actor: str, now: datetime) -> None:
    """Cancel what has not left of a locked order of which a part was shipped; it is shipped then.

    A line's price is shared out by units with cumulative rounding, so that what was sent and what was cancelled are
    together the line's total to the cent. The promise to pay shrinks to what is still owed, and promotions of which
    nothing is left are others' to use. Raises MoveNotAllowed.
    """
    await move_order(tx, order, OrderState.SHIPPED)
    lines = (await tx.execute(_CANCEL, {"id": order.id})).all()
    given = await give_back_what_is_over(tx, order.id, now)  # before goods: the law of locking
    await release_holds(tx, [order.id], now)
    await give_back_to_persons(tx, given)
    less = sum(cumulative_part(line.worth, line.quantity, line.sent, line.cancelled) for line in lines)
    await void_due(tx, order.id)
    await enter(tx, [Entry(order.id, "cancellation", -less, order.currency)], now)
    owed = await owed_on(tx, order.id)
    if owed > 0:
        await promise_many(tx, [(order.id, due_for(await plan_of(tx, order.id), owed))], now)
    await release_rest(tx, order.id, now)
    await record_rest_cancelled(tx, order.id, now)
    await note(tx, [Happening(order.id, "rest_cancelled", actor, {"reason": reason})], now)
    await tell(tx, OrderPartlyCancelled(order.id, reason), now)
