"""News of promotions."""

from datetime import datetime
from typing import ClassVar

from commerce.kernel.outbox import Event


class PromotionScheduled(Event, frozen=True):
    """A promotion is decided, and in the market's book: it starts and ends at these instants, everywhere."""

    topic: ClassVar[str] = "promotion_scheduled"
    promotion: str
    market: str
    starts_at: datetime
    ends_at: datetime | None


class PromotionWithdrawn(Event, frozen=True):
    """A promotion that was scheduled will not be."""

    topic: ClassVar[str] = "promotion_withdrawn"
    promotion: str
    market: str


class PromotionStarted(Event, frozen=True):
    """A promotion runs since this instant."""

    topic: ClassVar[str] = "promotion_started"
    promotion: str
    market: str
    at: datetime


class PromotionStopped(Event, frozen=True):
    """Somebody ends a promotion before its time: at this instant, everywhere."""

    topic: ClassVar[str] = "promotion_stopped"
    promotion: str
    market: str
    ends_at: datetime


class PromotionEnded(Event, frozen=True):
    """A promotion is over since this instant."""

    topic: ClassVar[str] = "promotion_ended"
    promotion: str
    market: str
    at: datetime
