"""Taking back: what a series would be if something that was laid over it had never been."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from pricing.rules.series import Priced


class Remembered(NamedTuple):
    """A row of a series, with what became of it."""

    priced: Priced
    recorded_at: datetime | None
    superseded_at: datetime | None
    superseded_by: str | None


class TakenBack(NamedTuple):
    """A series as it is once something is taken back, and from when on that makes a difference."""

    since: datetime
    prices: list[Priced]


def without(rows: Sequence[Remembered], change: str, gone: Collection[str] = ()) -> TakenBack | None:
    """What is believed of one series once a change is taken back; None where that changes nothing.

    Wherever the change is still in force (its price holds, or the gap that it made is still one), what lay beneath it
    comes up again, and beneath that, if that was taken back as well, or is `gone`; everything else stays as it is. A
    price that was split by it and comes together again is one price again. What was laid into a gap that somebody made
    leaves that gap, even where it was taken back meanwhile.
    """
    now = [row.priced for row in rows if row.superseded_at is None]
    ours = [one for one in now if one.change_id == change]
    region = [(one.valid_from, one.valid_to) for one in ours] + _gaps(rows, now, change)
    if not region:
        return None
    over = {row.priced.change_id for row in rows if row.superseded_by and row.superseded_by == row.priced.change_id}
    up = [piece for span in region for piece in _beneath(rows, change, span, {*over, *gone, change})]
    prices = _joined([*(one for one in now if one.change_id != change), *up])
    return TakenBack(min(begins for begins, _ in region), prices)


_Interval = tuple[datetime, datetime | None]


def _gaps(rows: Sequence[Remembered], now: Sequence[Priced], change: str) -> list[_Interval]:
    """Where the change took prices away, put none in their place, and nobody did since."""
    taken = _taken_by(rows, change)
    put = [row.priced for row in rows if taken and row.recorded_at == taken[0].superseded_at]
    return [span for row in taken for span in _outside(_interval(row.priced), [*put, *now])]


def _taken_by(rows: Sequence[Remembered], change: str) -> list[Remembered]:
    """The rows that the change superseded when it was written (not those superseded when it was taken back)."""
    ended = [row for row in rows if row.superseded_by == change]
    written_at = min((row.superseded_at for row in ended if row.superseded_at), default=None)
    return [row for row in ended if row.superseded_at == written_at and row.priced.change_id != change]


def _beneath(rows: Sequence[Remembered], change: str, within: _Interval, gone: set[str | None]) -> list[Priced]:
    """What the change had taken away within an interval, or what lay beneath that where it is gone as well."""
    found: list[Priced] = []
    for row in _taken_by(rows, change):
        piece = _clipped(row.priced, within)
        if piece is None:
            continue
        if piece.change_id in gone:
            found += _beneath(rows, str(piece.change_id), _interval(piece), gone)
        else:
            found.append(piece)
    return found


def _interval(one: Priced) -> _Interval:
    return one.valid_from, one.valid_to


def _clipped(one: Priced, within: _Interval) -> Priced | None:
    """The part of a price that lies within an interval, as one that is not stored yet."""
    begins = max(one.valid_from, within[0])
    ends = _earlier(one.valid_to, within[1])
    return one._replace(valid_from=begins, valid_to=ends, id=None) if ends is None or begins < ends else None


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((end for end in (one, other) if end is not None), default=None)


def _outside(span: _Interval, prices: Iterable[Priced]) -> list[_Interval]:
    """The parts of an interval in which none of these prices is in force."""
    begins, ends = span
    left: list[_Interval] = []
    for one in sorted(prices, key=lambda price: price.valid_from):
        if ends is not None and one.valid_from >= ends:
            break
        if one.valid_from > begins:
            left.append((begins, one.valid_from))
        if one.valid_to is None:
            return left
        begins = max(begins, one.valid_to)
    return [*left, (begins, ends)] if ends is None or begins < ends else left


def _joined(prices: Iterable[Priced]) -> list[Priced]:
    """Prices by beginning, with the pieces of what was split put together again."""
    whole: list[Priced] = []
    for one in sorted(prices, key=lambda price: price.valid_from):
        last = whole[-1] if whole else None
        if last is not None and last.valid_to == one.valid_from and _same(last, one) and None in {last.id, one.id}:
            whole[-1] = last._replace(valid_to=one.valid_to, id=None)
        else:
            whole.append(one)
    return whole


def _same(one: Priced, other: Priced) -> bool:
    return (one.amount, one.change_id, one.exception_id) == (other.amount, other.change_id, other.exception_id)
