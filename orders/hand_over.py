"""Hand over: a shipped order has reached its buyer, who paid the carrier what was due."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from commerce.kernel.refusals import MoveNotAllowed
from orders.events import OrderFulfilled
from orders.moving import lock_order, move_order
from orders.payments.pay_due import pay_due
from orders.payments.rules import Settled
from orders.payments.secured import owed_at_hand_over
from orders.record import Happening, note
from orders.reports.facts import record_handover
from orders.rules import Fulfilment, OrderState, TenderKind

_HANDED = text("UPDATE shipments SET handed_over_at = :now WHERE order_id = :id AND handed_over_at IS NULL")


async def hand_order_over(tx: Session, order_id: str, reference: str | None, actor: str, now: datetime) -> None:
    """Note that the carrier brought everything and took what was due; `reference` is the carrier's own number.

    Raises NotFound, MoveNotAllowed, and NotPaid if it was to be paid before. What went back since asks nobody any more:
    the goods are with their buyer, or on their way back.
    """
    order = await lock_order(tx, order_id)
    if order.fulfilment is not Fulfilment.SHIP:
        raise MoveNotAllowed(f"{order.fulfilment} order", str(order.state), "handed over")
    await move_order(tx, order, OrderState.COMPLETED)
    owed = await owed_at_hand_over(tx, order)
    if owed:
        paid = [Settled(TenderKind.PAY_ON_COLLECTION, owed, owed, 0, reference)]
        await pay_due(tx, order._replace(total=owed), paid, now)
    await tx.execute(_HANDED, {"id": order.id, "now": now})
    await note(tx, [Happening(order.id, "handed_over", actor, {"reference": reference})], now)
    await record_handover(tx, order.id, now)
    await tell(tx, OrderFulfilled(order.id), now)
