"""News of price changes."""

from datetime import datetime
from typing import ClassVar

from commerce.kernel.outbox import Event


class PriceChangeScheduled(Event, frozen=True):
    """These prices begin at that instant, and the market's book says so."""

    topic: ClassVar[str] = "price_change_scheduled"
    change_id: str
    market: str
    starts_at: datetime
    ends_at: datetime | None
    counter_of: str | None


class PriceChangeLive(Event, frozen=True):
    """Its prices are in force."""

    topic: ClassVar[str] = "price_change_live"
    change_id: str
    market: str
    starts_at: datetime


class PriceChangeEnded(Event, frozen=True):
    """Its time is over, and the prices that it interrupted go on."""

    topic: ClassVar[str] = "price_change_ended"
    change_id: str
    market: str
    ends_at: datetime


class PriceChangeWithdrawn(Event, frozen=True):
    """It was scheduled, and is not going to begin: what was planned without it holds."""

    topic: ClassVar[str] = "price_change_withdrawn"
    change_id: str
    market: str


class PriceChangeRolledBack(Event, frozen=True):
    """Another change has put back what it had changed."""

    topic: ClassVar[str] = "price_change_rolled_back"
    change_id: str
    market: str
    counter_id: str
    at: datetime
