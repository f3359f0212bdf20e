"""The time of the week in a market, from the offsets that its book spells out."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from pricing.rules.promotion import Hours

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
_THURSDAY = 3
"""What 1970-01-01 was."""


def offset_at(offsets: Sequence[tuple[int, int]], at: int) -> int:
    """How far the zone's clocks are ahead of UTC at an instant, in microseconds."""
    place = bisect_right(offsets, at, key=lambda one: one[0])
    return offsets[max(place - 1, 0)][1] * SECOND


def is_within(hours: Iterable[Hours], offsets: Sequence[tuple[int, int]], at: int) -> bool:
    """Whether an instant lies in one of these times of the week."""
    days, rest = divmod(at + offset_at(offsets, at), DAY)
    weekday, minute = (days + _THURSDAY) % 7, rest // MINUTE
    return any(weekday in one.days and one.begins <= minute < one.until for one in hours)


def edges_of(hours: Iterable[Hours], offsets: Sequence[tuple[int, int]], since: int, until: int) -> Iterator[int]:
    """Every instant after `since` and up to `until` at which one of these times may begin or end.

    Where clocks are put back an hour is there twice, and where they are put on one is missing: each edge comes under
    every offset of its day, and so do the changes of offset themselves. One too many does no harm.
    """
    minutes = {minute for one in hours for minute in (one.begins, one.until)}
    near = [offset for begins, offset in offsets if since - 2 * DAY <= begins <= until + 2 * DAY]
    shifts = {offset_at(offsets, since - 2 * DAY)} | {offset * SECOND for offset in near}
    first, last = (since - DAY) // DAY, (until + DAY) // DAY
    for day in range(first, last + 1):
        for minute in minutes:
            for shift in shifts:
                edge = day * DAY + minute * MINUTE - shift
                if since < edge <= until:
                    yield edge
    yield from (begins for begins, _ in offsets if since < begins <= until)
