"""Inventory's decisions: pure, whole or not at all, and the same in whatever order a basket's lines arrive."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

HOLD_MAX = timedelta(hours=2)
"""A basket that nobody pays for keeps its units from others no longer than this."""
SUPPLY_MAX = 1_000_000_000
"""No place holds more of one sku; beyond it somebody mistyped."""


class MovementKind(StrEnum):
    """Why units came into a pool or left it."""

    OPENING = "opening"
    RECEIVED = "received"
    SOLD = "sold"
    RETURNED = "returned"
    TRANSFERRED = "transferred"
    COUNTED = "counted"
    CORRECTED = "corrected"


class Correction(StrEnum):
    """Why a person corrects a quantity without counting. A closed list, so that losses can be added up."""

    DAMAGED = "damaged"
    LOST = "lost"
    STOLEN = "stolen"
    FOUND = "found"
    DEMO_UNIT = "demo_unit"
    BACK_TO_SUPPLIER = "back_to_supplier"
    MISBOOKED = "misbooked"


class HoldState(StrEnum):
    """How a hold stands."""

    HELD = "held"
    RELEASED = "released"
    EXPIRED = "expired"
    LEFT = "left"


def hold_state(ended: Iterable[str | None], expires_at: datetime | None, now: datetime) -> HoldState:
    """How a hold of several parts stands, from how each part ended (None: it lives). Past its time, it is over."""
    outcomes = list(ended)
    if None not in outcomes:
        return HoldState(str(outcomes[-1]))
    return HoldState.EXPIRED if expires_at is not None and expires_at <= now else HoldState.HELD


def may_hold_until(expires_at: datetime, now: datetime) -> bool:
    """Whether a basket may be held until then: some time to come, but not long."""
    return now < expires_at <= now + HOLD_MAX


def merge_wants(lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Two lines of one sku are one want. Skus come out in order."""
    wants: dict[str, int] = {}
    for sku, units in lines:
        wants[sku] = wants.get(sku, 0) + units
    return dict(sorted(wants.items()))


def allocate(wanted: int, free: Sequence[tuple[str, int]]) -> dict[str, int] | None:
    """Exactly the wanted units, taken from the first places that have some; None if all together have too few."""
    taken: dict[str, int] = {}
    missing = wanted
    for place, units in free:
        here = min(missing, units)
        if here > 0:
            taken[place] = here
            missing -= here
    return taken if missing == 0 else None


def source_basket(
    wants: Mapping[str, int], ranked: Sequence[str], free: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], int] | None:
    """Which location sends how much of what, by (location, sku); None if the whole basket cannot be had.

    `ranked` are locations, best first; `free` is by (location, sku). The location that can send most of what is still
    missing comes next, the better ranked among equals: so one that has everything sends everything, and otherwise a
    basket is split over few.
    """
    senders = _senders(wants, ranked, free)
    sourced: dict[tuple[str, str], int] = {}
    for sku in sorted(wants):
        taken = allocate(wants[sku], [(location, free.get((location, sku), 0)) for location in senders])
        if taken is None:
            return None
        sourced.update({(location, sku): units for location, units in taken.items()})
    return sourced


def _senders(wants: Mapping[str, int], ranked: Sequence[str], free: Mapping[tuple[str, str], int]) -> list[str]:
    missing = dict(wants)
    left = list(dict.fromkeys(ranked))
    senders: list[str] = []
    while left and any(missing.values()):
        sendable = [sum(_sendable(missing, location, free).values()) for location in left]
        if not max(sendable):
            break
        best = left.pop(sendable.index(max(sendable)))
        for sku, units in _sendable(missing, best, free).items():
            missing[sku] -= units
        senders.append(best)
    return senders


def _sendable(missing: Mapping[str, int], location: str, free: Mapping[tuple[str, str], int]) -> dict[str, int]:
    return {sku: max(0, min(units, free.get((location, sku), 0))) for sku, units in missing.items()}
