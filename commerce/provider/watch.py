"""The watch by which calls to the provider leave."""

import asyncio
import time
from typing import Protocol

from commerce.provider.limits import SECOND_US


class Watch(Protocol):
    """Whoever tells a waiter how time goes by, in microseconds that never step back."""

    def now_us(self) -> int:
        """The present instant, counted from anywhere."""
        ...

    async def wait_until(self, instant: int) -> None:
        """Come back no sooner than then."""
        ...


class SteadyWatch:
    """The machine's own watch."""

    def now_us(self) -> int:
        """The present instant, counted from when the machine came up."""
        return time.monotonic_ns() // 1000

    async def wait_until(self, instant: int) -> None:
        """Sleep until then; the event loop may wake us a moment early, so look again."""
        while (left := instant - self.now_us()) > 0:  # noqa: ASYNC110 - nothing happens then but that time has passed
            await asyncio.sleep(left / SECOND_US)
