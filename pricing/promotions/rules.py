"""The rules of promotions: states as data, who may decide, what is counted, and how full a lane may be. All pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from pricing.rules.benefits import is_line_by_line
from pricing.rules.promotion import Benefit, Conditions, Floor

ORDER_UNITS_MAX = 100 * 10_000
"""Lines that an order may have, and units that a line may."""
IN_A_LANE_MAX = 12
"""Promotions of a lane that may run together where the best combination has to be searched for (see `is_searched`)."""


class PromotionState(StrEnum):
    """How far a promotion is on its way."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    SCHEDULED = "scheduled"
    """In the market's book, and it has not begun."""
    LIVE = "live"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    """Taken back before it began: nobody ever got it."""


MOVES: dict[PromotionState, frozenset[PromotionState]] = {
    PromotionState.DRAFT: frozenset({PromotionState.SUBMITTED, PromotionState.WITHDRAWN}),
    PromotionState.SUBMITTED: frozenset({PromotionState.APPROVED, PromotionState.REJECTED, PromotionState.WITHDRAWN}),
    PromotionState.APPROVED: frozenset({PromotionState.SCHEDULED, PromotionState.WITHDRAWN}),
    PromotionState.REJECTED: frozenset(),
    PromotionState.SCHEDULED: frozenset({PromotionState.LIVE, PromotionState.WITHDRAWN}),
    PromotionState.LIVE: frozenset({PromotionState.ENDED}),
    PromotionState.ENDED: frozenset(),
    PromotionState.WITHDRAWN: frozenset(),
}
assert MOVES.keys() == set(PromotionState), "every state says where it may go"

BOOKED = frozenset({PromotionState.SCHEDULED, PromotionState.LIVE, PromotionState.ENDED})
"""In the book: decided by two people, and every till may hold it."""
FIXED = frozenset({PromotionState.SUBMITTED, PromotionState.APPROVED, PromotionState.SCHEDULED, PromotionState.LIVE})
"""What it says is settled, and it may still be used: only then are codes made for it."""


class GivingBack(StrEnum):
    """What becomes of a use when its order does not last."""

    GIVE_BACK = "give_back"
    KEEP = "keep"


class Why(StrEnum):
    """What became of an order that used a promotion."""

    CANCELLED = "cancelled"
    RETURNED = "returned"


class Short(StrEnum):
    """Which limit a use would go over."""

    TOTAL = "total"
    PERSON = "person"
    CODE = "code"
    NOBODY = "nobody"
    """It is limited per person, and nobody in particular asks."""


Uses = Annotated[int, Meta(ge=1, le=100_000_000, examples=[500])]


class Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a book says of a promotion, but for its name and its time."""

    lane: int
    priority: int
    exclusive: bool
    conditions: Conditions
    benefit: Benefit
    cap: int | None
    floor: Floor


class Limits(NamedTuple):
    """How often it may be used, and what becomes of a use that was not needed after all."""

    total: int | None = None
    per_person: int | None = None
    per_code: int | None = None
    codes: int | None = None
    """Unique codes that there may be."""
    on_cancel: GivingBack = GivingBack.GIVE_BACK
    on_return: GivingBack = GivingBack.KEEP


def state_at(
    state: PromotionState, starts_at: datetime | None, ends_at: datetime | None, at: datetime
) -> PromotionState:
    """Where a promotion stands at an instant, even if nobody has come by to write it down yet."""
    if state not in BOOKED or starts_at is None or at < starts_at:
        return state
    return PromotionState.ENDED if ends_at is not None and ends_at <= at else PromotionState.LIVE


def is_searched(definition: Definition) -> bool:
    """Whether it is judged as a whole, so that the best combination of a lane has to be searched for.

    What the engine decides line by line is not, and is never too much.
    """
    return not is_line_by_line(definition.benefit, definition.cap)


def most_at_once(starts_at: datetime, ends_at: datetime | None, others: Iterable["Running"]) -> int:
    """How many of the others run together at the busiest instant of an interval."""
    edges: list[tuple[datetime, int]] = []
    for other in others:
        if ends_at is not None and other.starts_at >= ends_at:
            continue
        if other.ends_at is not None and other.ends_at <= starts_at:
            continue
        edges.append((max(other.starts_at, starts_at), 1))
        if other.ends_at is not None:
            edges.append((other.ends_at, -1))
    together = busiest = 0
    for _, step in sorted(edges):  # What ends at an instant ends before another begins at it.
        together += step
        busiest = max(busiest, together)
    return busiest


class Running(NamedTuple):
    """From when to when a promotion runs."""

    starts_at: datetime
    ends_at: datetime | None


class Demand(NamedTuple):
    """A use that somebody wants: of which promotion, and by which code if it has unique ones."""

    order_id: str
    promotion_id: str
    code: str | None


def decide_uses(
    demands: Iterable[Demand], left: Mapping[str, int], codes_left: Mapping[tuple[str, str], int | None]
) -> dict[str, tuple[str, Short]]:
    """Which orders lose, to which promotion and why, deciding in the order they came; all of an order's, or none.

    `left` has the promotions that are limited in total, `codes_left` every code there is (None: as often as one likes).
    """
    total, codes = dict(left), dict(codes_left)
    lost: dict[str, tuple[str, Short]] = {}
    wanted: dict[str, list[Demand]] = {}
    for demand in demands:
        wanted.setdefault(demand.order_id, []).append(demand)
    for order_id, of_order in wanted.items():
        taken: list[Demand] = []
        for demand in of_order:
            short = _take(demand, total, codes)
            if short is not None:
                lost[order_id] = (demand.promotion_id, short)
                _put_back(taken, total, codes)
                break
            taken.append(demand)
    return lost


def _take(demand: Demand, total: dict[str, int], codes: dict[tuple[str, str], int | None]) -> Short | None:
    if total.get(demand.promotion_id, 1) < 1:
        return Short.TOTAL
    if demand.code is not None:
        key = (demand.promotion_id, demand.code)
        left = codes.get(key, 0)
        if left is not None and left < 1:
            return Short.CODE
        if left is not None:
            codes[key] = left - 1
    if demand.promotion_id in total:
        total[demand.promotion_id] -= 1
    return None


def _put_back(taken: Iterable[Demand], total: dict[str, int], codes: dict[tuple[str, str], int | None]) -> None:
    for demand in taken:
        if demand.promotion_id in total:
            total[demand.promotion_id] += 1
        key = (demand.promotion_id, demand.code or "")
        left = codes.get(key)
        if left is not None:
            codes[key] = left + 1
