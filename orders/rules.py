"""The rules of orders: states as data, and sums that must agree. Nothing here touches a database."""

from collections.abc import Sequence
from enum import StrEnum


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


def after_shipping(ordered: int, sent: int) -> OrderState:
    """The state of an order of which `sent` of `ordered` units have left."""
    assert 0 < sent <= ordered
    return OrderState.SHIPPED if sent == ordered else OrderState.PART_SHIPPED


def serials_fit(sku: str, serials: Sequence[str], units: int, seen: set[tuple[str, str]], *, wanted: bool) -> bool:
    """Whether these are the serial numbers of so many units: one each where they are wanted, at most so many where not.

    No device leaves twice: `seen` are the (sku, serial) named so far, and those of this line are added to it.
    """
    named = {(sku, serial) for serial in serials}
    fit = len(named) == len(serials) <= units and not named & seen and (not wanted or len(serials) == units)
    seen |= named
    return fit
