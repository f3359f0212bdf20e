"""A series of prices: who is in force when, and what becomes of the others when a new one is laid over them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple


class Priced(NamedTuple):
    """An amount in force from one instant (inclusive) to another (exclusive), or for good, and where it comes from."""

    valid_from: datetime
    valid_to: datetime | None
    amount: int
    change_id: str | None = None
    exception_id: str | None = None
    id: int | None = None
    """The row it is kept in; None for one that is not stored yet."""

    def covers(self, at: datetime) -> bool:
        """Whether it is in force at an instant."""
        return self.valid_from <= at and (self.valid_to is None or self.valid_to > at)


class Laid(NamedTuple):
    """What is put over a series from one instant to another: an amount, or None where there shall be no price."""

    begins: datetime
    ends: datetime | None
    amount: int | None
    change_id: str | None = None
    exception_id: str | None = None


def priced_at(series: Iterable[Priced], at: datetime) -> Priced | None:
    """The price in force at an instant; there is at most one."""
    return next((one for one in series if one.covers(at)), None)


def cleared(series: Iterable[Priced], begins: datetime, ends: datetime | None) -> list[Priced]:
    """A series without what lies from one instant to another. What is cut in two goes on behind it.

    What is left of a price that is cut is not stored yet, and remembers where it comes from.
    """
    return [left for one in series for left in _outside(one, begins, ends)]


def _outside(one: Priced, begins: datetime, ends: datetime | None) -> Iterator[Priced]:
    before = one.valid_to is not None and one.valid_to <= begins
    if before or (ends is not None and one.valid_from >= ends):
        yield one
        return
    if one.valid_from < begins:
        yield one._replace(valid_to=begins, id=None)
    if ends is not None and (one.valid_to is None or one.valid_to > ends):
        yield one._replace(valid_from=ends, id=None)


def lay(series: Iterable[Priced], new: Laid) -> list[Priced]:
    """The series with something laid over it: inside its interval that holds, outside nothing changes."""
    kept = cleared(series, new.begins, new.ends)
    if new.amount is not None:
        kept.append(Priced(new.begins, new.ends, new.amount, new.change_id, new.exception_id))
    return sorted(kept, key=lambda one: one.valid_from)


class Charge(NamedTuple):
    """What a channel charges from one instant to another: its own price, or else the recommended one."""

    valid_from: datetime
    valid_to: datetime | None
    recommended: Priced
    own: Priced | None

    @property
    def counted(self) -> Priced:
        """The price that counts."""
        return self.own or self.recommended

    def covers(self, at: datetime) -> bool:
        """Whether it is in force at an instant."""
        return self.valid_from <= at and (self.valid_to is None or self.valid_to > at)


def charges(recommended: Sequence[Priced], own: Sequence[Priced]) -> list[Charge]:
    """What a channel charges over time, by beginning: without a recommended price nothing is sold.

    Each lasts as long as both prices behind it do.
    """
    both = beside(recommended, own)
    return [Charge(begins, ends, basis, its) for begins, ends, basis, its in both if basis is not None]


class Stretch(NamedTuple):
    """From one instant to another, or for good, neither of two series changes: what holds of each."""

    begins: datetime
    ends: datetime | None
    one: Priced | None
    other: Priced | None


def beside(one: Sequence[Priced], other: Sequence[Priced], since: datetime | None = None) -> Iterator[Stretch]:
    """Two series side by side, by beginning, as a whole or from an instant on. In one sweep, however long they are."""
    edges = {edge for price in (*one, *other) for edge in price[:2] if edge is not None}
    if since is not None:
        edges = {since, *(edge for edge in edges if edge > since)}
    turns = sorted(edges)
    return map(Stretch, turns, [*turns[1:], None], _along(one, turns), _along(other, turns))


def _along(series: Iterable[Priced], turns: Iterable[datetime]) -> Iterator[Priced | None]:
    """What holds of a series at each of these instants, which come in order."""
    coming = iter(sorted(series, key=lambda price: price.valid_from))
    one = next(coming, None)
    for at in turns:
        while one is not None and one.valid_to is not None and one.valid_to <= at:
            one = next(coming, None)
        yield one if one is not None and one.valid_from <= at else None
