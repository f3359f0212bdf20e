"""A market's zone spelled out: when its offset changes, so that nobody who reads a book needs a table of zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = timedelta(days=1)
"""No zone leaves an offset and comes back to it within a day."""
_BACK = timedelta(days=400)
_SECOND = timedelta(seconds=1)


def offsets_of(name: str, since: datetime, until: datetime) -> list[tuple[int, int]]:
    """The offsets of a zone between two instants: (from this instant on in microseconds, seconds east of UTC).

    The first is in force at `since`, and named by the instant it began, where that is not too long ago: what is in a
    book must not change with the day on which it is compiled.
    """
    zone = ZoneInfo(name)
    began = _changes(zone, since - _BACK, since)
    first = began[-1] if began else (0, _offset(zone, since))
    return [first, *_changes(zone, since, until)]


def microseconds(at: datetime) -> int:
    """An instant as books write it: whole microseconds since 1970-01-01T00:00:00Z."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def instant_of(us: int) -> datetime:
    """What an instant in a book is on everybody else's clock."""
    return _EPOCH + timedelta(microseconds=us)


def _changes(zone: ZoneInfo, since: datetime, until: datetime) -> list[tuple[int, int]]:
    found = []
    here = since
    while here < until:
        there = min(here + _STEP, until)
        if _offset(zone, here) != _offset(zone, there):
            at = _change_between(zone, here, there)
            found.append((microseconds(at), _offset(zone, at)))
        here = there
    return found


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second of the new offset."""
    low, high = (before - _EPOCH) // _SECOND, -((_EPOCH - after) // _SECOND)
    old = _offset(zone, before)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, _EPOCH + middle * _SECOND) == old:
            low = middle
        else:
            high = middle
    return _EPOCH + high * _SECOND


def _offset(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None, "a zone has an offset"
    return offset // _SECOND
