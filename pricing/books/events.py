"""News of books."""

from datetime import datetime
from typing import ClassVar

from commerce.kernel.outbox import Event


class PriceBookPublished(Event, frozen=True):
    """A market has a new price book."""

    topic: ClassVar[str] = "price_book_published"
    market: str
    number: int
    sha256: str


class TerminalsReady(Event, frozen=True):
    """Every terminal of the market holds the book that has all of what changes at this instant."""

    topic: ClassVar[str] = "terminals_ready"
    market: str
    starts_at: datetime
    number: int
    terminals: int
    """How many there are."""


class TerminalsNotReady(Event, frozen=True):
    """Some terminals do not hold the book that has all of what changes at this instant, and it is near."""

    topic: ClassVar[str] = "terminals_not_ready"
    market: str
    starts_at: datetime
    number: int
    terminals: list[str]
    """Those that do not, by the id of their first key."""
