"""News of attach programs."""

from datetime import date
from typing import ClassVar

from commerce.kernel.outbox import Event


class AttachRateLeftBand(Event, frozen=True):
    """The rate of a program, or of one kind of channels in it, is out of its band. `sure`: so is its whole interval."""

    topic: ClassVar[str] = "attach_rate_left_band"
    alert: str
    program: str
    program_version: int
    scope: str
    side: str
    sure: bool
    as_of: date
    numerator: int
    denominator: int


class AttachRateCameBack(Event, frozen=True):
    """A rate that was out of its band is inside of it again."""

    topic: ClassVar[str] = "attach_rate_came_back"
    alert: str
    program: str
    program_version: int
    scope: str
    as_of: date
    numerator: int
    denominator: int
