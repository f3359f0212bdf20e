"""Shelves: which locations serve which channels, and what was there at an instant."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from inventory.had_units import Span, had_units
from inventory.on_hand import Shelf, Units, on_hand
from orders.reports.places import Place
from orders.reports.rules import Kind
from orders.reports.scope import Seen

SERVED_BY = {"online": "warehouse", "retail": "store"}
"""Which kind of location serves which kind of channel, each in its market."""
_INSTANT = timedelta(microseconds=1)
_LOCATIONS = text("""
    SELECT code, kind, market FROM locations
     WHERE CAST(:store AS text) IS NULL OR code = :store ORDER BY code
""")

Serving = tuple[str, str]
"""A market, and the kind of channel there."""


class OnHand(NamedTuple):
    """Units by sku, and by the market and the kind of channel that they serve."""

    units: Mapping[tuple[str, Serving], Units]

    def of(self, skus: Iterable[str], serving: Iterable[Serving]) -> Units | None:
        """What these have in all; none where nobody ever wrote down any stock of them."""
        where = list(serving)
        known = [self.units[sku, one] for sku in skus for one in where if (sku, one) in self.units]
        return Units(sum(one.on_hand for one in known), sum(one.available for one in known)) if known else None


class _Location(NamedTuple):
    """A location, and the number of what it serves."""

    code: str
    market: str
    group: int


async def places_meant(tx: ReadSession, seen: Seen) -> list[Place]:
    """The channels that a scope leaves: of a store, the retail ones of its market."""
    scope = seen.scope
    wanted = {"channel": scope.channel, "market": scope.market}
    if scope.channel_kind is not Kind.ALL:
        wanted["kind"] = str(scope.channel_kind)
    if scope.store is not None:
        its = (await tx.execute(_LOCATIONS, {"store": scope.store})).one()
        wanted |= {"market": its.market, "kind": str(Kind.RETAIL)}
    return [
        place for place in seen.places if all(value in {None, getattr(place, name)} for name, value in wanted.items())
    ]


async def stock_of(
    tx: ReadSession, seen: Seen, meant: Sequence[Place], ends: Mapping[str, datetime] | None = None
) -> OnHand:
    """What there was at the as-of in every location that serves one of these channels; in one store, if it is named.

    `ends` are earlier instants, by market, before which it is looked at. A stock that was received, counted or imported
    counts from then on.
    """
    befores = _befores(seen)
    for market, end in (ends or {}).items():
        befores[market] = min(befores[market], end)
    serving, locations = await _that_serve(tx, seen, meant)
    found = await on_hand(tx, [Shelf(one.code, one.group, befores[one.market]) for one in locations])
    return OnHand({(sku, serving[group]): units for (sku, group), units in found.items()})


async def stocked(
    tx: ReadSession, seen: Seen, meant: Sequence[Place], begins: Mapping[str, datetime], skus: Collection[str]
) -> set[tuple[str, Serving]]:
    """Of which of these skus there was anything to sell, and for what, since those instants, by market."""
    befores = _befores(seen)
    serving, locations = await _that_serve(tx, seen, meant)
    spans = [Span(one.code, one.group, begins[one.market], befores[one.market]) for one in locations]
    return {(sku, serving[group]) for sku, group in await had_units(tx, spans, skus)}


def _befores(seen: Seen) -> dict[str, datetime]:
    believed = seen.scope.as_of.believed_at + _INSTANT
    return {place.market: min(place.known_before, believed) for place in seen.places}


async def _that_serve(tx: ReadSession, seen: Seen, meant: Sequence[Place]) -> tuple[list[Serving], list[_Location]]:
    """What is served of these channels, and each location that serves any of it, by its place among those."""
    serving = sorted({(place.market, place.kind) for place in meant})
    group_of = {(market, SERVED_BY[kind]): n for n, (market, kind) in enumerate(serving)}
    return serving, [
        _Location(row.code, row.market, group_of[row.market, row.kind])
        for row in await tx.execute(_LOCATIONS, {"store": seen.scope.store})
        if (row.market, row.kind) in group_of
    ]
