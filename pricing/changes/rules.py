"""A price change's decisions, pure: how it moves, what a rule makes of a price, and what it would mean."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest
from typing import NamedTuple

from pricing.rules import Span, span_at

WHOLE_BP = 10_000
ITEMS_MAX = 10_000


class PriceChangeState(StrEnum):
    """How far a price change is on its way."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    LIVE = "live"
    ENDED = "ended"
    ROLLED_BACK = "rolled_back"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


MOVES: dict[PriceChangeState, frozenset[PriceChangeState]] = {
    PriceChangeState.DRAFT: frozenset({PriceChangeState.SUBMITTED, PriceChangeState.WITHDRAWN}),
    PriceChangeState.SUBMITTED: frozenset(
        {PriceChangeState.APPROVED, PriceChangeState.REJECTED, PriceChangeState.WITHDRAWN}
    ),
    PriceChangeState.APPROVED: frozenset({PriceChangeState.SCHEDULED, PriceChangeState.WITHDRAWN}),
    PriceChangeState.SCHEDULED: frozenset({PriceChangeState.LIVE, PriceChangeState.WITHDRAWN}),
    PriceChangeState.LIVE: frozenset({PriceChangeState.ENDED, PriceChangeState.ROLLED_BACK}),
    PriceChangeState.ENDED: frozenset(),
    PriceChangeState.ROLLED_BACK: frozenset(),
    PriceChangeState.REJECTED: frozenset(),
    PriceChangeState.WITHDRAWN: frozenset(),
}
"""What was rejected is drafted anew: an approver never looks at something that was changed under their eyes."""
assert MOVES.keys() == set(PriceChangeState), "every state says where it may go"


class Origin(StrEnum):
    """How a change came by its items."""

    ITEMS = "items"
    CSV = "csv"
    RULE = "rule"
    COUNTER = "counter"


class Way(StrEnum):
    """Where to look for an amount with the wanted ending."""

    NEAREST = "nearest"
    DOWN = "down"
    UP = "up"


class RoundTo(NamedTuple):
    """The amounts that are wanted: `ending` more than a whole number of units. 99 and 100 is ".99"."""

    ending: int
    unit: int
    way: Way


class Exact(NamedTuple):
    """An amount as an exact fraction of the currency's smallest unit."""

    numerator: int
    denominator: int


def changed(amount: int, change_bp: int | None, change_by: int | None) -> Exact:
    """An amount changed by a share in basis points, or by so much; never below nought."""
    if change_bp is not None:
        return Exact(max(0, amount * (WHOLE_BP + change_bp)), WHOLE_BP)
    return Exact(max(0, amount + (change_by or 0)), 1)


def rounded(wanted: Exact, to: RoundTo) -> int:
    """The amount with the wanted ending that is nearest, or the first one downwards or upwards; ties go down.

    There is no such amount below `ending` itself, so that is the least there is.
    """
    steps = (wanted.numerator - to.ending * wanted.denominator) // (to.unit * wanted.denominator)
    if steps < 0:
        return to.ending
    low = steps * to.unit + to.ending
    above = wanted.numerator - low * wanted.denominator
    if above == 0 or to.way is Way.DOWN:
        return low
    if to.way is Way.UP:
        return low + to.unit
    return low if 2 * above <= to.unit * wanted.denominator else low + to.unit


def charged(recommended: Iterable[Span], of_channel: Iterable[Span]) -> list[Span]:
    """What a channel charges when: its own price, else the recommended one; without that, nothing is sold.

    Neighbours of one amount are one span.
    """
    recommended, of_channel = list(recommended), list(of_channel)
    bounds = sorted({edge for one in (*recommended, *of_channel) for edge in one[:2] if edge is not None})
    merged: list[Span] = []
    for begins, ends in zip_longest(bounds, bounds[1:]):
        base = span_at(recommended, begins)
        if base is None:
            continue
        amount = (span_at(of_channel, begins) or base).value
        if merged and merged[-1].valid_to == begins and merged[-1].value == amount:
            merged[-1] = Span(merged[-1].valid_from, ends, amount)
        else:
            merged.append(Span(begins, ends, amount))
    return merged


def prior_effect(timeline: Iterable[Span], begins: datetime, amount: int, window_days: int) -> int | None:
    """The prior price that must be shown beside a price that begins; None if it is no reduction, or the first price.

    It is the lowest price that applied in the days before the reduction, the one in force when the window opened
    included, the reduced one excluded (Directive 98/6/EC, article 6a (1) and (2)).
    """
    timeline = [one for one in timeline if one.valid_from < begins]
    before = max(timeline, default=None)
    if before is None or before.value <= amount or (before.valid_to is not None and before.valid_to < begins):
        return None
    opened = begins - timedelta(days=window_days)
    return min(one.value for one in timeline if one.valid_to is None or one.valid_to > opened)


def share_bp(part: int, of: int) -> int | None:
    """A part as basis points of the whole, towards nought; None of nothing."""
    if of == 0:
        return None
    return abs(part) * WHOLE_BP // of * (-1 if part < 0 else 1)


class Room(NamedTuple):
    """An interval."""

    begins: datetime
    ends: datetime | None


def clipped(one: Room, begins: datetime, ends: datetime | None) -> Room | None:
    """The part of an interval within another one; None if they have no instant in common."""
    first = max(one.begins, begins)
    last = min((end for end in (one.ends, ends) if end is not None), default=None)
    return Room(first, last) if last is None or first < last else None


def free_rooms(taken: Sequence[Room], begins: datetime, ends: datetime | None) -> list[Room]:
    """What is left of an interval by others that do not overlap each other."""
    found, at = [], begins
    for one in sorted(taken, key=lambda room: room.begins):
        if one.ends is not None and one.ends <= at:
            continue
        if ends is not None and one.begins >= ends:
            break
        if one.begins > at:
            found.append(Room(at, one.begins))
        if one.ends is None:
            return found
        at = one.ends
    return found if ends is not None and at >= ends else [*found, Room(at, ends)]
