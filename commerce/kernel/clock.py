"""Time is handed in: the one place that reads the wall clock."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Whoever tells the time. Instants carry a zone, and are UTC inside."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the one place that reads the wall clock


class SetClock:
    """A clock that stands still until it is set, so that a launch day can be rehearsed."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant.astimezone(UTC)

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self._instant

    def set(self, instant: datetime) -> None:
        """Move to an instant, forwards or backwards."""
        self._instant = instant.astimezone(UTC)

    def advance(self, by: timedelta) -> datetime:
        """Move on by a duration and tell the new instant."""
        self._instant += by
        return self._instant
