"""The rate limit before the provider where there is no Redis to share it through."""

from commerce.provider.limits import Limits
from commerce.provider.local_bucket import LocalBucket
from commerce.provider.watch import SteadyWatch, Watch


class LocalTurnstile:
    """A turnstile that keeps to this process's share of the limits, a part of `processes`."""

    def __init__(self, limits: Limits, *, processes: int, watch: Watch | None = None) -> None:
        self._bucket = LocalBucket(limits, processes)
        self._watch: Watch = watch or SteadyWatch()

    async def pass_through(self, endpoint: str) -> None:
        """Come back when the call may go. Raises Busy, at once, when that is more than the longest wait away."""
        await self._watch.wait_until(self._bucket.reserve(endpoint, self._watch.now_us()))

    async def close(self) -> None:
        """There is nothing to give back."""
