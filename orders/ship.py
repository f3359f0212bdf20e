"""Ship: held goods leave a location for the buyer, all at once or in parts."""

from datetime import datetime

from commerce.kernel.db import Session
from commerce.kernel.refusals import MoveNotAllowed
from inventory.leave import send_held, waiting_at
from orders.errors import NothingToSend
from orders.lines import everything_waiting, leaving_now, mark_sent, open_lines, units_of
from orders.moving import lock_order, move_order
from orders.record import Happening, note
from orders.rules import Fulfilment, after_shipping
from orders.schemas import ShipBody
from orders.send import Sent, record_shipments


async def ship_order(tx: Session, order_id: str, wanted: ShipBody, actor: str, now: datetime) -> str:
    """Send what waits at a location, or the lines that are named; answers the shipment's id.

    Raises NotFound, MoveNotAllowed, UnknownReference, NothingToSend, SerialsWanted.
    """
    order = await lock_order(tx, order_id)
    if order.fulfilment is not Fulfilment.SHIP:
        raise MoveNotAllowed(f"{order.fulfilment} order", str(order.state), "shipped")
    lines = await open_lines(tx, order.id)
    waiting = await waiting_at(tx, order.id, wanted.location)
    named = everything_waiting(lines, waiting, {}) if wanted.lines is None else wanted.lines
    leaving = leaving_now(lines, named, waiting, wanted.location)
    if not leaving:
        raise NothingToSend("location", "anything", wanted.location, 0)
    sent = sum(line.sent for line in lines.values()) + sum(part.quantity for part in leaving)
    await move_order(tx, order, after_shipping(sum(line.quantity for line in lines.values()), sent))
    await send_held(tx, order.id, wanted.location, units_of(leaving), actor, now)
    await mark_sent(tx, order.id, leaving)
    parts = [(part.line.line, part.quantity, part.serials) for part in leaving]
    [shipment] = await record_shipments(tx, [Sent(order.id, wanted.location, "shipped", actor, parts)], now)
    await note(tx, [Happening(order.id, "shipped", actor, {"shipment": shipment, "location": wanted.location})], now)
    return shipment
