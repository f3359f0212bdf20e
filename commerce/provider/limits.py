"""How fast the provider may be asked, in numbers that need no fractions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SECOND_US = 1_000_000
LATE_MS = 40
"""A call goes out that much after its slot at the latest, if the machine is not overwhelmed."""
WAIT_S_MAX = 8
"""Nobody waits longer: with the time for an answer it stays below what a call may take, and what a buyer waits for."""
UNATTENDED_WAIT_S = 2
"""Work that nobody waits for stands no longer in line with buyers: what finds no place nearer stays in the database."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls a second: `total` over all endpoints, and `endpoint` for each of them. Nobody waits longer than `wait_s`.

    Some endpoints have a limit `of` their own, by name.

    A second is taken to be longer by `late_ms`, so that calls which leave up to that much late never crowd one either.

    Time is a calendar of cells, and every slot stands at the beginning of one, no two at the same. A second is as long
    as `total` cells, so wherever it lies no more than that many begin in it. An endpoint's line counts in a time of its
    own, in which calls are `gap_us` apart though that may be no whole number of cells; each takes the first cell from
    there on. `endpoint` gaps are a whole number of cells and no shorter than a second, so what holds for all holds for
    each line.
    """

    total: int
    endpoint: int
    late_ms: int = LATE_MS
    wait_s: int = WAIT_S_MAX
    of: Mapping[str, int] = field(default_factory=dict)

    @property
    def wait_us(self) -> int:
        """The longest wait."""
        return self.wait_s * SECOND_US

    def cell_us(self, processes: int = 1) -> int:
        """How long a cell of the calendar is, for each of so many processes that do not hear of each other.

        Each takes whole calls of a second, so that it is not crowded even when all begin at once. Only where there are
        more processes than calls has each one in some seconds, and nobody keeps all of these from being the same one.
        """
        calls, span_us = self._share(self.total, processes)
        return -(-span_us // calls)

    def gap_us(self, endpoint: str, processes: int = 1) -> int:
        """From one call of an endpoint to its next, in the time of its line, for each of so many processes."""
        calls, span_us = self._share(self.of.get(endpoint, self.endpoint), processes)
        cell_us = self.cell_us(processes)
        cells = -(-span_us // cell_us)
        return -(-cells * cell_us // calls)

    def _share(self, rate: int, processes: int) -> tuple[int, int]:
        """One process's part of a rate: so many calls, in that time."""
        second_us = SECOND_US + self.late_ms * 1000
        return (rate // processes, second_us) if rate >= processes else (1, second_us * -(-processes // rate))
