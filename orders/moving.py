"""Moving orders: the one way an order's state changes."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.refusals import NotFound, move
from orders.rules import MOVES, Fulfilment, OrderState


class OrderHead(NamedTuple):
    """The facts of an order that decide what may happen to it."""

    id: str
    order_number: str
    channel: str
    location: str | None
    fulfilment: Fulfilment
    state: OrderState
    total: int
    currency: str
    placed_at: datetime


_LOCK = text("""
    SELECT id, order_number, channel, location, fulfilment, state, total, currency, placed_at FROM orders
     WHERE id = :id FOR NO KEY UPDATE
""")
_MOVE = text("UPDATE orders SET state = :state WHERE id = :id")


async def lock_order(tx: Session, order_id: str) -> OrderHead:
    """An order that nobody else moves until the transaction ends. Raises NotFound."""
    row = (await tx.execute(_LOCK, {"id": order_id})).one_or_none()
    if row is None:
        raise NotFound("order", order_id)
    head = OrderHead._make(row)
    return head._replace(fulfilment=Fulfilment(head.fulfilment), state=OrderState(head.state))


async def move_order(tx: Session, order: OrderHead, wanted: OrderState) -> None:
    """Bring a locked order to its next state, if the table of moves allows it. Raises MoveNotAllowed."""
    state = move("order", MOVES, order.state, wanted)
    await tx.execute(_MOVE, {"id": order.id, "state": str(state)})
