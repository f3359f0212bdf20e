"""What stories about the rate limit share: a Valkey, a watch that is set, and how crowded a second is."""

import asyncio
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from commerce.embedded.valkey import EmbeddedValkey
from commerce.provider.limits import Limits
from commerce.provider.token_bucket import TokenBucket

PAY, REFUND = "POST /v1/payment_intents", "POST /v1/refunds"
MS, SECOND = 1_000, 1_000_000
NOON = 1_762_084_800 * SECOND
EXACT = Limits(total=100, endpoint=25, late_ms=0, wait_s=600)
"""Round numbers, and lines longer than anybody stands in."""


class SetWatch:
    """A watch that is set; whoever waits goes on as soon as it shows their instant."""

    def __init__(self) -> None:
        self._now = NOON
        self._waiting: list[tuple[int, asyncio.Event]] = []

    def now_us(self) -> int:
        """What it shows."""
        return self._now

    async def wait_until(self, instant: int) -> None:
        """Wait for somebody to set it."""
        if instant > self._now:
            come = asyncio.Event()
            self._waiting.append((instant, come))
            await come.wait()

    def advance(self, by: int) -> None:
        """Set it forward."""
        self._now += by
        for instant, come in self._waiting:
            if instant <= self._now:
                come.set()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(not come.is_set() for _, come in self._waiting)


@contextmanager
def running_valkey() -> Iterator[EmbeddedValkey]:
    """A Valkey of its own."""
    with tempfile.TemporaryDirectory(prefix="commerce-tests-") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedValkey(Path(folder) / "data")
        server.start()
        try:
            yield server
        finally:
            server.stop()


def alone(watch: SetWatch, limits: Limits = EXACT, processes: int = 1) -> TokenBucket:
    """A turnstile whose Redis is away, and stays away."""
    return TokenBucket(Redis(port=1, retry=Retry(NoBackoff(), 0)), limits, processes=processes, watch=watch)


async def until(condition: Callable[[], bool]) -> None:
    """Let the others go on until it is true."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing is slept here, the others get their turn
            await asyncio.sleep(0)


def busiest_second(instants: Sequence[int], late: int = 0) -> int:
    """The most calls in any second, its end excluded, if each leaves at its instant or up to `late` after it."""
    ordered = sorted(instants)
    return max((bisect_left(ordered, first + SECOND + late) - at for at, first in enumerate(ordered)), default=0)
