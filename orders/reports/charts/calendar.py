"""Calendar: the days, weeks and months between two, none left out, and how an axis calls them."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from orders.reports.rules import GroupBy

TIMES = frozenset({GroupBy.DAY, GroupBy.WEEK, GroupBy.MONTH, GroupBy.COHORT})
"""Groups that have an order in time."""
LABELS_MOST = 12
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS_APART = {GroupBy.DAY: 1, GroupBy.WEEK: 7}


def buckets(time: GroupBy, found: Sequence[str]) -> list[str]:
    """Every bucket from the first to the last that was found."""
    if not found:
        return []
    first, last = _begins(min(found)), _begins(max(found))
    if time in _DAYS_APART:
        step = _DAYS_APART[time]
        return [str(first + timedelta(days=n)) for n in range(0, (last - first).days + 1, step)]
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(_number(first), _number(last) + 1)]


def labels_of(time: GroupBy, xs: Sequence[str], most: int = LABELS_MOST) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Which buckets have a label, by their place, and the labels; below the first one of a year is the year."""
    step = -(-len(xs) // most)
    places = tuple(range(0, len(xs), step))
    return places, tuple(_labels([_begins(xs[place]) for place in places], days=time in _DAYS_APART))


def _labels(begins: Sequence[date], *, days: bool) -> Iterator[str]:
    year = None
    for day in begins:
        name = f"{day.day} {_MONTHS[day.month - 1]}" if days else _MONTHS[day.month - 1]
        yield f"{name}\n{' ' if day.year == year else day.year}"
        year = day.year


def _begins(bucket: str) -> date:
    return date.fromisoformat(bucket if len(bucket) == len("2026-05-31") else f"{bucket}-01")


def _number(day: date) -> int:
    return day.year * 12 + day.month - 1
