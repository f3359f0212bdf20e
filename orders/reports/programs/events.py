"""News of attach programs."""

from datetime import date
from typing import ClassVar

from commerce.kernel.outbox import Event


class _OutOfBand(Event, frozen=True):
    """What is told of a rate that is out of its band on one side. `sure`: so is its whole interval."""

    alert: str
    program: str
    program_version: int
    scope: str
    side: str
    sure: bool
    as_of: date
    numerator: int
    denominator: int


class AttachRateLeftBand(_OutOfBand, frozen=True):
    """The rate of a program, or of one kind of channels in it, is out of its band."""

    topic: ClassVar[str] = "attach_rate_left_band"


class AttachRateGotWorse(_OutOfBand, frozen=True):
    """A rate that is out of its band is so for sure now, or clearly further out than when it was told of last."""

    topic: ClassVar[str] = "attach_rate_got_worse"


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


class AttachProgramRefused(Event, frozen=True):
    """A program that is looked after cannot be evaluated as the catalog is now. Told once, until it can be again."""

    topic: ClassVar[str] = "attach_program_refused"
    program: str
    program_version: int
    as_of: date
    code: str
    detail: str
