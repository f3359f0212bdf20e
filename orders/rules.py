"""The rules of orders: states as data, and sums that must agree. Nothing here touches a database."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from orders.errors import SerialNamedTwice, SerialsWanted, TooManySerials

COLLECT_WITHIN = timedelta(days=14)
"""How long a store keeps goods for a buyer who does not come."""


class OrderState(StrEnum):
    """Where an order stands."""

    PLACED = "placed"
    READY = "ready"
    """Put aside in the store where it will be collected."""
    PART_SHIPPED = "part_shipped"
    SHIPPED = "shipped"
    COMPLETED = "completed"
    """Everything is in the buyer's hands."""
    CANCELLED = "cancelled"


MOVES: dict[OrderState, frozenset[OrderState]] = {
    OrderState.PLACED: frozenset({OrderState.READY, OrderState.PART_SHIPPED, OrderState.SHIPPED, OrderState.CANCELLED}),
    OrderState.READY: frozenset({OrderState.COMPLETED, OrderState.CANCELLED}),
    OrderState.PART_SHIPPED: frozenset({OrderState.PART_SHIPPED, OrderState.SHIPPED}),
    OrderState.SHIPPED: frozenset({OrderState.COMPLETED}),
    OrderState.COMPLETED: frozenset(),
    OrderState.CANCELLED: frozenset(),
}
assert MOVES.keys() == set(OrderState), "every state says where it may go"

HOLDING = frozenset({OrderState.PLACED, OrderState.READY, OrderState.PART_SHIPPED})
"""Some of the goods have not left, and are held."""
OPEN = frozenset(state for state, moves in MOVES.items() if moves)


class Fulfilment(StrEnum):
    """How the goods reach the buyer."""

    SHIP = "ship"
    COLLECT = "collect"
    CARRIED = "carried"


class Delivery(StrEnum):
    """What an online buyer may choose of these; what is carried out of a store was sold at its till."""

    SHIP = "ship"
    COLLECT = "collect"


class TenderKind(StrEnum):
    """What a buyer pays with."""

    CASH = "cash"
    CARD_TERMINAL = "card_terminal"
    PAY_ON_COLLECTION = "pay_on_collection"
    ONLINE = "online"
    """Through the payment provider."""


class PaymentPlan(StrEnum):
    """When an online buyer pays."""

    ON_COLLECTION = "on_collection"
    """When the goods are handed over: in the store, or to the carrier."""
    NOW = "now"
    ON_SHIPMENT = "on_shipment"
    """The money is reserved now, and taken part by part as the goods leave."""
    LATER = "later"
    """A means of payment is saved now (a deposit may be taken), and charged when the goods are there."""


def after_shipping(ordered: int, sent: int) -> OrderState:
    """The state of an order of which `sent` of `ordered` units have left."""
    assert 0 < sent <= ordered
    return OrderState.SHIPPED if sent == ordered else OrderState.PART_SHIPPED


class NumberedLine(NamedTuple):
    """Units that leave, and the serial numbers that were named for them in a field of the request."""

    field: str
    sku: str
    units: int
    wanted: bool
    """Whether each unit needs its serial number."""
    serials: Sequence[str]


def serials_must_fit(lines: Iterable[NumberedLine]) -> None:
    """Let units go with their serial numbers: one each where they are wanted, at most one each where they are not.

    No device leaves twice. Raises SerialNamedTwice, TooManySerials, SerialsWanted.
    """
    seen: set[tuple[str, str]] = set()
    for line in lines:
        for serial in line.serials:
            if (line.sku, serial) in seen:
                raise SerialNamedTwice(line.field, line.sku, serial)
            seen.add((line.sku, serial))
        if len(line.serials) > line.units:
            raise TooManySerials(line.field, line.sku, line.units, len(line.serials))
        if line.wanted and len(line.serials) < line.units:
            raise SerialsWanted(line.field, line.sku, line.units, len(line.serials))


def normal_serials(serials: Sequence[str]) -> list[str]:
    """The serial numbers by which devices are known: in upper case, since people write them as they come."""
    return [serial.strip().upper() for serial in serials]
