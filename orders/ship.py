"""Ship: held goods leave a location for the buyer, all at once or in parts."""

from collections.abc import Mapping
from datetime import datetime

from commerce.kernel.db import Session
from commerce.kernel.refusals import MoveNotAllowed, move
from inventory.known import must_be_known
from inventory.leave import send_held, waiting_at
from orders.errors import NothingToSend
from orders.fulfilment_schemas import ShipBody
from orders.lines import (
    Leaving,
    OpenLine,
    everything_waiting,
    mark_sent,
    must_be_numbered,
    named_lines,
    open_lines,
    units_of,
    worth_of,
)
from orders.moving import OrderHead, lock_order, move_order
from orders.payments.secured import capture_for_shipment, must_be_secured
from orders.record import Happening, note
from orders.rules import MOVES, Fulfilment, OrderState, after_shipping
from orders.send import Sent, record_shipments
from orders.serials import claim_leaving


async def ship_order(tx: Session, order_id: str, wanted: ShipBody, actor: str, now: datetime) -> str:
    """Send what waits at a location, or the lines that are named; answers the shipment's id.

    Raises NotFound, MoveNotAllowed, UnknownReference, InvalidInput, NothingToSend, SerialAlreadySold, NotPaid, and what
    `must_be_numbered` raises.
    """
    order = await lock_order(tx, order_id)
    if order.fulfilment is not Fulfilment.SHIP:
        raise MoveNotAllowed(f"{order.fulfilment} order", str(order.state), "shipped")
    move("order", MOVES, order.state, OrderState.SHIPPED)
    lines = await open_lines(tx, order.id)
    leaving = await _leaving(tx, order, lines, wanted)
    sent = sum(line.sent for line in lines.values()) + sum(part.quantity for part in leaving)
    await must_be_secured(tx, order, now)
    state = after_shipping(sum(line.quantity for line in lines.values()), sent)
    await move_order(tx, order, state)
    await send_held(tx, order.id, wanted.location, units_of(leaving), actor, now)
    await mark_sent(tx, order.id, leaving)
    await claim_leaving(tx, order.id, leaving, _fields(wanted))
    parts = [(part.line.line, part.quantity, part.serials) for part in leaving]
    [shipment] = await record_shipments(tx, [Sent(order.id, wanted.location, "shipped", actor, parts)], now)
    await capture_for_shipment(tx, order, worth_of(leaving), now, last=state is OrderState.SHIPPED)
    await note(tx, [Happening(order.id, "shipped", actor, {"shipment": shipment, "location": wanted.location})], now)
    return shipment


async def _leaving(tx: Session, order: OrderHead, lines: Mapping[int, OpenLine], wanted: ShipBody) -> list[Leaving]:
    waiting = await waiting_at(tx, order.id, wanted.location)
    if not waiting:
        await must_be_known(tx, {"location": wanted.location}, {})
    if wanted.lines is None:
        leaving = everything_waiting(lines, waiting, {})
        must_be_numbered(leaving, dict.fromkeys(lines, "lines"))
    else:
        leaving = named_lines(lines, wanted.lines, waiting, wanted.location)
        must_be_numbered(leaving, _fields(wanted))
    if not leaving:
        raise NothingToSend("location", None, wanted.location, 0)
    return leaving


def _fields(wanted: ShipBody) -> dict[int, str]:
    """Where the serial numbers of each line were named."""
    return {named.line: f"lines[{n}].serials" for n, named in enumerate(wanted.lines or ())}
