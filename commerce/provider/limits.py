"""How fast the provider may be asked, in numbers that need no fractions."""

from dataclasses import dataclass

SECOND_US = 1_000_000
LATE_MS = 40
"""A call goes out that much after its slot at the latest, if the machine is not overwhelmed."""
WAIT_S_MAX = 8
"""Nobody waits longer: with the time for an answer it stays below what a call may take, and what a buyer waits for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls a second: `total` over all endpoints, and `endpoint` for each of them. Nobody waits longer than `wait_s`.

    Slots lie a little further apart than the limit asks for (by `late_ms` in a second), so that calls which leave up to
    that much late never crowd a second either.
    """

    total: int
    endpoint: int
    late_ms: int = LATE_MS
    wait_s: int = WAIT_S_MAX

    @property
    def endpoint_us(self) -> int:
        """From one slot of an endpoint to its next."""
        return self.gap_us(self.endpoint)

    @property
    def total_us(self) -> int:
        """How long a cell of the calendar is: of all endpoints together, one slot begins in each."""
        return self.gap_us(self.total)

    @property
    def wait_us(self) -> int:
        """The longest wait."""
        return self.wait_s * SECOND_US

    def gap_us(self, rate: int, processes: int = 1) -> int:
        """From one slot to the next at this rate, for each of so many processes that do not hear of each other.

        Each takes whole calls of a second, so that it is not crowded even when all begin at once; where there are more
        processes than calls, each has one in some seconds.
        """
        second_us = SECOND_US + self.late_ms * 1000
        return -(-second_us // (rate // processes)) if rate >= processes else second_us * -(-processes // rate)
