"""A series of prices: who is in force when, and what becomes of the others when a new one is laid over them."""

from collections.abc import Iterable, Sequence
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


def in_the_way(series: Iterable[Priced], begins: datetime, ends: datetime | None) -> Priced | None:
    """The first price that begins within an interval, its beginning included: somebody's plan."""
    within = (one for one in series if begins <= one.valid_from and (ends is None or one.valid_from < ends))
    return min(within, default=None, key=lambda one: one.valid_from)


def lay(series: Sequence[Priced], new: Laid) -> list[Priced]:
    """The series with something laid over it in which nothing is in the way.

    What it interrupts ends where it begins, and goes on after it if it would have lasted longer; both pieces are prices
    that are not stored yet, and remember where they come from.
    """
    interrupted = priced_at(series, new.begins)
    kept = [one for one in series if one is not interrupted]
    if interrupted is not None:
        kept.append(interrupted._replace(valid_to=new.begins, id=None))
        if new.ends is not None and (interrupted.valid_to is None or interrupted.valid_to > new.ends):
            kept.append(interrupted._replace(valid_from=new.ends, id=None))
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
    turns = sorted({turn for one in (*recommended, *own) for turn in (one.valid_from, one.valid_to) if turn})
    found = []
    for begins, ends in zip(turns, [*turns[1:], None], strict=False):
        basis = priced_at(recommended, begins)
        if basis is not None:
            found.append(Charge(begins, ends, basis, priced_at(own, begins)))
    return found
