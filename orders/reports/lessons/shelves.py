"""Shelves: which locations serve which channels, and what was on hand in them at the as-of."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from inventory.on_hand import Shelf, on_hand
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

    units: dict[tuple[str, Serving], int]

    def of(self, skus: Iterable[str], serving: Iterable[Serving]) -> int | None:
        """What these have in all; none where nobody ever wrote down any stock of them."""
        where = list(serving)
        known = [self.units[sku, one] for sku in skus for one in where if (sku, one) in self.units]
        return sum(known) if known else None


async def places_meant(tx: ReadSession, seen: Seen) -> list[Place]:
    """The channels that a scope leaves."""
    scope = seen.scope
    store_market = None
    if scope.store is not None:
        store_market = (await tx.execute(_LOCATIONS, {"store": scope.store})).one().market
    wanted = {"channel": scope.channel, "market": scope.market}
    if scope.channel_kind is not Kind.ALL:
        wanted["kind"] = str(scope.channel_kind)
    return [
        place
        for place in seen.places
        if all(value in {None, getattr(place, name)} for name, value in wanted.items())
        and store_market in {None, place.market}
    ]


async def stock_of(tx: ReadSession, seen: Seen, meant: Sequence[Place]) -> OnHand:
    """What was on hand at the as-of in every location that serves one of these channels; in one store, if it is named.

    A stock that was received, counted or imported counts from then on.
    """
    before = {place.market: place.known_before for place in seen.places}
    believed = seen.scope.as_of.believed_at + _INSTANT
    serving = sorted({(place.market, place.kind) for place in meant})
    group_of = {(market, SERVED_BY[kind]): n for n, (market, kind) in enumerate(serving)}
    shelves = [
        Shelf(row.code, group_of[row.market, row.kind], min(before[row.market], believed))
        for row in await tx.execute(_LOCATIONS, {"store": seen.scope.store})
        if (row.market, row.kind) in group_of
    ]
    found = await on_hand(tx, shelves)
    return OnHand({(sku, serving[group]): units for (sku, group), units in found.items()})
