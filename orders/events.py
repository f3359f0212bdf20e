"""News that orders tell."""

from typing import ClassVar

from commerce.kernel.outbox import Event


class OrderPlaced(Event, frozen=True):
    """An order was accepted: goods are held and the price is fixed."""

    topic: ClassVar[str] = "order_placed"
    order_id: str
    order_number: str
    channel: str


class TillSaleBooked(Event, frozen=True):
    """Goods left a store against payment at a till."""

    topic: ClassVar[str] = "till_sale_booked"
    order_id: str
    order_number: str
    channel: str
    location: str


class OrderCancelled(Event, frozen=True):
    """An order will not be fulfilled; its goods are free again."""

    topic: ClassVar[str] = "order_cancelled"
    order_id: str
    reason: str


class OrderPartlyCancelled(Event, frozen=True):
    """What had not been shipped of an order will not be; its goods are free again."""

    topic: ClassVar[str] = "order_partly_cancelled"
    order_id: str
    reason: str


class OrderFulfilled(Event, frozen=True):
    """Everything of an order is in the buyer's hands."""

    topic: ClassVar[str] = "order_fulfilled"
    order_id: str
