"""Make ready: a store has put an order aside for its buyer."""

from datetime import datetime

from commerce.kernel.access import WrongLocation
from commerce.kernel.db import Session
from commerce.kernel.refusals import MoveNotAllowed
from orders.moving import lock_order, move_order
from orders.payments.secured import must_be_secured
from orders.record import Happening, note
from orders.rules import Fulfilment, OrderState


async def make_order_ready(tx: Session, order_id: str, location: str, actor: str, now: datetime) -> None:
    """Say that an order waits at the counter of the store it is collected in.

    Raises NotFound, MoveNotAllowed, WrongLocation, NotPaid.
    """
    order = await lock_order(tx, order_id)
    if order.fulfilment is not Fulfilment.COLLECT:
        raise MoveNotAllowed(f"{order.fulfilment} order", str(order.state), "ready")
    if order.location != location:
        raise WrongLocation("location", location, f"This order is collected in {order.location}.")
    await must_be_secured(tx, order, now)
    await move_order(tx, order, OrderState.READY)
    await note(tx, [Happening(order.id, "ready", actor, {"location": location})], now)
