"""News of pricing."""

from datetime import datetime
from typing import ClassVar

from commerce.kernel.outbox import Event


class RecommendedPriceSet(Event, frozen=True):
    """A sku's recommended price in a market is this, from one instant to another or for good."""

    topic: ClassVar[str] = "recommended_price_set"
    sku: str
    market: str
    amount: int
    currency: str
    valid_from: datetime
    valid_to: datetime | None


class RecommendedPriceEnded(Event, frozen=True):
    """A sku has no recommended price in a market from this instant on, until another one begins."""

    topic: ClassVar[str] = "recommended_price_ended"
    sku: str
    market: str
    at: datetime
