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
        self._cell_us = limits.cell_us(processes)
        self._limits = limits
        self._processes = processes
        self._wait_us = limits.wait_us
        # Where the calendar begins: where it is first looked at. Processes that share a watch do not share its beats.
        self._origin: int | None = None
        self._free_at: dict[str, int] = {}
        self._next_cell: dict[int, int] = {}
        self._tidy_at = TIDY_AT

    def reserve(self, endpoint: str, now: int) -> int:
        """The instant at which the call may go. Raises Busy when that is too far away; then nothing is taken."""
        origin = self._origin = now if self._origin is None else self._origin
        start = max(now, self._free_at.get(endpoint, now))
        first = -(-(start - origin) // self._cell_us)
        cell = self._free_cell(first)
        slot = origin + cell * self._cell_us
        if slot - now > self._wait_us:
            raise Busy
        self._tidy((now - origin) // self._cell_us)
        self._next_cell[cell] = cell + 1
        # Whom others keep waiting begins the line's time anew: it never runs ahead of what was had.
        self._free_at[endpoint] = (start if cell == first else slot) + self._gap_us(endpoint)
        return slot

    def queue_behind(self, endpoint: str, slot: int) -> None:
        """Let nobody go to this endpoint before a slot that was had elsewhere."""
        self._free_at[endpoint] = max(self._free_at.get(endpoint, 0), slot + self._gap_us(endpoint))

    def free_at(self, endpoint: str) -> int:
        """When the next call to this endpoint could go, for all this process knows."""
        return self._free_at.get(endpoint, 0)

    def _gap_us(self, endpoint: str) -> int:
        return self._limits.gap_us(endpoint, self._processes)

    def _free_cell(self, cell: int) -> int:
        """The first cell from here on that nobody has; the way there is shortened for whoever comes next."""
        free = cell
        while free in self._next_cell:
            free = self._next_cell[free]
        while cell != free:
            self._next_cell[cell], cell = free, self._next_cell[cell]
        return free

    def _tidy(self, present: int) -> None:
        """Forget the cells that are over, once in a while."""
        if len(self._next_cell) < self._tidy_at:
            return
        self._next_cell = {cell: following for cell, following in self._next_cell.items() if cell >= present}
        self._tidy_at = 2 * len(self._next_cell) + TIDY_AT
