"""The rate limit of one process by itself: what is left when Redis is away."""

from commerce.kernel.refusals import Busy
from commerce.provider.limits import Limits

TIDY_AT = 10_000


class LocalBucket:
    """Hands out slots at this process's share of the limits, in the order of asking. Instants are microseconds.

    `processes` says how many share the limits. What the others do meanwhile is not known here, so each takes no more
    than its part, even when the others are idle.
    """

    def __init__(self, limits: Limits, processes: int) -> None:
        self._endpoint_us = limits.gap_us(limits.endpoint, processes)
        self._cell_us = limits.gap_us(limits.total, processes)
        self._wait_us = limits.wait_us
        self._free_at: dict[str, int] = {}
        self._next_cell: dict[int, int] = {}
        self._tidy_at = TIDY_AT

    def reserve(self, endpoint: str, now: int) -> int:
        """The instant at which the call may go. Raises Busy when that is too far away; then nothing is taken."""
        start = max(now, self._free_at.get(endpoint, now))
        cell = self._free_cell(start // self._cell_us)
        slot = max(start, cell * self._cell_us)
        if slot - now > self._wait_us:
            raise Busy
        self._tidy(now)
        self._next_cell[cell] = cell + 1
        self._free_at[endpoint] = slot + self._endpoint_us
        return slot

    def queue_behind(self, endpoint: str, slot: int) -> None:
        """Let nobody go to this endpoint before a slot that was had elsewhere."""
        self._free_at[endpoint] = max(self._free_at.get(endpoint, 0), slot + self._endpoint_us)

    def free_at(self, endpoint: str) -> int:
        """When the next call to this endpoint could go, for all this process knows."""
        return self._free_at.get(endpoint, 0)

    def _free_cell(self, cell: int) -> int:
        """The first cell from here on that nobody has; the way there is shortened for whoever comes next."""
        free = cell
        while free in self._next_cell:
            free = self._next_cell[free]
        while cell != free:
            self._next_cell[cell], cell = free, self._next_cell[cell]
        return free

    def _tidy(self, now: int) -> None:
        """Forget the cells that are over, once in a while."""
        if len(self._next_cell) < self._tidy_at:
            return
        present = now // self._cell_us
        self._next_cell = {cell: following for cell, following in self._next_cell.items() if cell >= present}
        self._tidy_at = 2 * len(self._next_cell) + TIDY_AT
