"""A price change's decisions, pure: how it moves, what a rule makes of a price, and what it would mean."""

from enum import StrEnum
from typing import NamedTuple

from pricing.rules.tax import WHOLE_BP

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

NOT_YET_LAID = frozenset({PriceChangeState.DRAFT, PriceChangeState.SUBMITTED, PriceChangeState.APPROVED})
"""On their way, and not in the prices yet."""


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


def share_bp(part: int, of: int) -> int | None:
    """A part as basis points of the whole, towards nought; None of nothing."""
    if of == 0:
        return None
    return abs(part) * WHOLE_BP // of * (-1 if part < 0 else 1)
