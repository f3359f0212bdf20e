"""Moving orders: the one way an order's state changes."""

from collections.abc import Sequence
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


# In the order of their ids, so that two who lock many never wait for each other.
_LOCK = text("""
    SELECT id, order_number, channel, location, fulfilment, state, total, currency, placed_at FROM orders
     WHERE id = ANY(CAST(:ids AS text[])) ORDER BY id FOR NO KEY UPDATE
""")
_MOVE = text("UPDATE orders SET state = :state WHERE id = :id")


async def lock_orders(tx: Session, order_ids: Sequence[str]) -> dict[str, OrderHead]:
    """Orders that nobody else moves until the transaction ends, by their ids; what is not there is left out."""
    heads = [OrderHead._make(row) for row in await tx.execute(_LOCK, {"ids": list(order_ids)})]
    return {
        head.id: head._replace(fulfilment=Fulfilment(head.fulfilment), state=OrderState(head.state)) for head in heads
    }


async def lock_order(tx: Session, order_id: str) -> OrderHead:
    """An order that nobody else moves until the transaction ends. Raises NotFound."""
    found = await lock_orders(tx, [order_id])
    if not found:
        raise NotFound("order", order_id)
    return found[order_id]


async def move_order(tx: Session, order: OrderHead, wanted: OrderState) -> None:
    """Bring a locked order to its next state, if the table of moves allows it. Raises MoveNotAllowed."""
    state = move("order", MOVES, order.state, wanted)
    await tx.execute(_MOVE, {"id": order.id, "state": str(state)})
