"""What inventory tells."""

from typing import ClassVar

from commerce.kernel.outbox import Event


class HoldExpired(Event, frozen=True):
    """Nobody confirmed what was held for this reference; its units are free again."""

    topic: ClassVar[str] = "hold_expired"
    reference: str


class StockOverdrawn(Event, frozen=True):
    """More was promised or left than is there; a case waits for a person.

    `reference` is the sale, count or order that showed it.
    """

    topic: ClassVar[str] = "stock_overdrawn"
    overdraft_id: str
    sku: str
    location: str
    units: int
    reference: str
