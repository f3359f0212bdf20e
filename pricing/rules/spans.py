"""Dated facts: where one is in force, where one may begin. They never overlap."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


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
