"""Pricing's decisions, pure: the tax of a line, and where a dated fact may begin and end."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from commerce.kernel.money import half_up

WHOLE_BP = 10_000
"""One hundred percent in basis points."""


def tax_of(line_total: int, rate_bp: int, *, included: bool) -> int:
    """The tax of a line in minor units, rounded half up once for the line.

    Where prices include tax it is the part of the total that is tax; otherwise it is what comes on top of it.
    """
    return half_up(line_total * rate_bp, WHOLE_BP + rate_bp if included else WHOLE_BP)


class Span(NamedTuple):
    """A value in force from one instant (inclusive) to another (exclusive), or for good."""

    valid_from: datetime
    valid_to: datetime | None
    value: int


def span_at(spans: Iterable[Span], at: datetime) -> Span | None:
    """The span in force at an instant; there is at most one."""
    return next((one for one in spans if one.valid_from <= at and (one.valid_to is None or one.valid_to > at)), None)


def first_beginning(spans: Iterable[Span], begins: datetime, ends: datetime | None) -> Span | None:
    """The first span that begins within an interval, its beginning included."""
    within = (one for one in spans if begins <= one.valid_from and (ends is None or one.valid_from < ends))
    return min(within, default=None, key=lambda one: one.valid_from)


def resumed(interrupted: Span, ends: datetime | None) -> Span | None:
    """What is left of an interrupted span when the interruption ends; None if it was over by then."""
    if ends is None or (interrupted.valid_to is not None and interrupted.valid_to <= ends):
        return None
    return Span(ends, interrupted.valid_to, interrupted.value)
