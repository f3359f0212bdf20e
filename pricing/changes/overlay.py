"""Overlay: what the prices would be with a change laid over them, and what keeps it from being laid; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from commerce.kernel.refusals import Refusal
from pricing.errors import PriceOverlaps
from pricing.rules.series import Laid, Priced, in_the_way, lay
from pricing.series import Histories


class Planned(NamedTuple):
    """A price of a change, with the instants at which it really begins and ends."""

    place: int
    sku: str
    channel: str | None
    amount: int | None
    begins: datetime
    ends: datetime | None
    exception_id: str | None = None
    """Of the exception it stands on; before there is one, any word."""


class Overlaid(NamedTuple):
    """What the prices would be, and why they cannot be so."""

    histories: dict[str, Histories]
    refusals: list[Refusal]


def overlaid(
    before: Mapping[str, Histories], plan: Iterable[Planned], market: str, change_id: str, over: str | None
) -> Overlaid:
    """Lay a change over what is believed now.

    A price that begins in between is somebody's plan, and stands in the way, unless it is of the change that this one
    rolls back (`over`). What is in the way is laid over here all the same, so that what it would mean can be shown.
    """
    after = {sku: Histories(list(one.recommended), dict(one.channels)) for sku, one in before.items()}
    refusals: list[Refusal] = []
    for one in plan:
        history = after[one.sku]
        series = history.recommended if one.channel is None else history.channels.get(one.channel, [])
        others = series if over is None else [price for price in series if price.change_id != over]
        taken = in_the_way(others, one.begins, one.ends)
        if taken is not None:
            field = f"items[{one.place}].sku"
            refusals.append(PriceOverlaps(field, one.sku, market, taken.valid_from, one.channel))
        laid = Laid(one.begins, one.ends, one.amount, change_id, one.exception_id)
        fresh = lay(cleared(series, one.begins, one.ends), laid)
        if one.channel is None:
            history.recommended = fresh
        else:
            history.channels[one.channel] = fresh
    return Overlaid(after, refusals)


def cleared(series: Sequence[Priced], begins: datetime, ends: datetime | None) -> list[Priced]:
    """The series without what begins in an interval; what would have lasted longer goes on after it."""
    return [left for one in series for left in _outside(one, begins, ends)]


def _outside(one: Priced, begins: datetime, ends: datetime | None) -> Iterator[Priced]:
    if one.valid_from < begins or (ends is not None and one.valid_from >= ends):
        yield one
    elif ends is not None and (one.valid_to is None or one.valid_to > ends):
        yield one._replace(valid_from=ends, id=None)


class Difference(NamedTuple):
    """Where one series says something else than another one: what the second says there."""

    begins: datetime
    ends: datetime | None
    amount: int | None
    exception_id: str | None


def differences(old: Sequence[Priced], new: Sequence[Priced], since: datetime) -> list[Difference]:
    """Where two series differ in what they say, from an instant on; neighbours that say the same are one."""
    edges = {edge for one in (*old, *new) for edge in one[:2] if edge is not None and edge > since}
    bounds = [since, *sorted(edges)]
    found: list[Difference] = []
    for begins, ends in zip(bounds, [*bounds[1:], None], strict=True):
        was, is_ = _said(old, begins), _said(new, begins)
        if was == is_:
            continue
        last = found[-1] if found else None
        if last is not None and last.ends == begins and last[2:] == is_:
            found[-1] = last._replace(ends=ends)
        else:
            found.append(Difference(begins, ends, *is_))
    return found


def _said(series: Sequence[Priced], at: datetime) -> tuple[int | None, str | None]:
    return next(((one.amount, one.exception_id) for one in series if one.covers(at)), (None, None))
