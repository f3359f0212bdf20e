"""Collect: the buyer comes to the store, pays what is due, and leaves with the goods."""

from datetime import datetime

from commerce.kernel.access import WrongLocation
from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from commerce.kernel.refusals import MoveNotAllowed
from inventory.leave import send_held, waiting_at
from orders.errors import NothingToSend
from orders.events import OrderFulfilled
from orders.fulfilment_schemas import CollectBody
from orders.lines import (
    Leaving,
    everything_waiting,
    mark_sent,
    must_be_numbered,
    open_lines,
    serials_of,
    units_of,
)
from orders.moving import OrderHead, lock_order, move_order
from orders.payments.pay_due import pay_due
from orders.payments.rules import settle
from orders.payments.secured import owed_at_hand_over
from orders.record import Happening, note
from orders.reports.facts import record_handover
from orders.rules import Fulfilment, OrderState
from orders.send import Sent, record_shipments
from orders.serials import claim_leaving


async def collect_order(tx: Session, order_id: str, wanted: CollectBody, actor: str, now: datetime) -> None:
    """Hand a whole order over at the counter against payment; change is worked out.

    Raises NotFound, MoveNotAllowed, WrongLocation, NothingToSend, UnknownReference, InvalidInput, SerialAlreadySold,
    TendersDoNotAddUp, MixedCurrency, NotPaid, and what `must_be_numbered` raises.
    """
    order = await lock_order(tx, order_id)
    _must_be_collected_here(order, wanted.location)
    await move_order(tx, order, OrderState.COMPLETED)
    leaving = await _everything(tx, order, wanted)
    owed = await owed_at_hand_over(tx, order)
    await pay_due(tx, order._replace(total=owed), settle(wanted.tenders, owed, order.currency), now)
    await send_held(tx, order.id, wanted.location, units_of(leaving), actor, now)
    await mark_sent(tx, order.id, leaving)
    await claim_leaving(tx, order.id, leaving, _fields(wanted))
    parts = [(part.line.line, part.quantity, part.serials) for part in leaving]
    await record_shipments(tx, [Sent(order.id, wanted.location, "collected", actor, parts)], now)
    await note(tx, [Happening(order.id, "collected", actor, {"location": wanted.location})], now)
    await record_handover(tx, order.id, now)
    await tell(tx, OrderFulfilled(order.id), now)


async def _everything(tx: Session, order: OrderHead, wanted: CollectBody) -> list[Leaving]:
    """The whole order, since nothing of it waits elsewhere; its goods are free again if nobody came in time."""
    lines = await open_lines(tx, order.id)
    waiting = await waiting_at(tx, order.id, wanted.location)
    leaving = everything_waiting(lines, waiting, serials_of(lines, wanted.serials))
    units = {part.line.line: part.quantity for part in leaving}
    for line in lines.values():
        if units.get(line.line, 0) < line.left:
            raise NothingToSend("location", line.sku, wanted.location, waiting.get(line.sku, 0))
    must_be_numbered(leaving, _fields(wanted))
    return leaving


def _fields(wanted: CollectBody) -> dict[int, str]:
    """Where the serial numbers of each line were named."""
    return {named.line: f"serials[{n}].serials" for n, named in enumerate(wanted.serials)}


def _must_be_collected_here(order: OrderHead, location: str) -> None:
    if order.fulfilment is not Fulfilment.COLLECT:
        raise MoveNotAllowed(f"{order.fulfilment} order", str(order.state), "collected")
    if order.location != location:
        raise WrongLocation("location", location, f"This order is collected in {order.location}.")
