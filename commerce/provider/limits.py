"""How fast the provider may be asked, in numbers that need no fractions."""

from dataclasses import dataclass

SECOND_US = 1_000_000
LATE_MS = 20
"""A call goes out that much after its slot at the latest, if the machine is not overwhelmed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls a second: `total` over all endpoints, and `endpoint` for each of them. Nobody waits longer than `wait_s`.

    Slots lie a little further apart than the limit asks for (by `late_ms` in a second), so that calls which leave up to
    that much late never crowd a second either.
    """

    total: int
    endpoint: int
    late_ms: int = LATE_MS
    wait_s: int = 600

    @property
    def endpoint_us(self) -> int:
        """From one slot of an endpoint to its next."""
        return self._share_of_a_second(self.endpoint)

    @property
    def total_us(self) -> int:
        """How long a cell of the calendar is: of all endpoints together, one slot begins in each."""
        return self._share_of_a_second(self.total)

    @property
    def wait_us(self) -> int:
        """The longest wait."""
        return self.wait_s * SECOND_US

    def _share_of_a_second(self, rate: int) -> int:
        return -(-(SECOND_US + self.late_ms * 1000) // rate)
