"""Company: what else runs while a promotion would, on the same skus, in its own lane or in an earlier one."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import text

from commerce.kernel.db import ReadSession
from pricing.books.zones import microseconds
from pricing.promotions.market import Shop, Sold, Window
from pricing.promotions.never import Never
from pricing.promotions.reach import Charge, found_by_clause, landing
from pricing.promotions.rules import BOOKED
from pricing.promotions.stored import COLUMNS, Stored
from pricing.promotions.taken import Other, takers_of_all
from pricing.rules.promotion import Promotion

NAMED_MAX = 5
SPOKEN_FOR = "('submitted', 'approved', 'scheduled', 'live')"

# The columns and states are a module's own; no value is in the text.
_OTHERS = text(f"""
    SELECT {COLUMNS} FROM promotions p
     WHERE p.market = :market AND p.id <> :id AND p.state IN {SPOKEN_FOR}
       AND CAST(p.definition ->> 'lane' AS int) <= :lane
       AND (p.ends_at IS NULL OR p.ends_at > :starts_at)
       AND (CAST(:ends_at AS timestamptz) IS NULL OR coalesce(p.starts_at, :starts_at) < :ends_at)
     ORDER BY p.id
""")  # noqa: S608 - see above


class Beside(NamedTuple):
    """Another promotion, of the same lane or an earlier one."""

    stored: Stored
    lands_on: frozenset[str]
    """What it may reduce of the skus that are asked about."""

    @property
    def lane(self) -> int:
        """Its lane."""
        return self.stored.definition.lane

    def is_rival(self, mine: Stored) -> bool:
        """Whether it may take what another one is about: beside it in its lane, or for itself before it."""
        return bool(self.lands_on) and (self.lane == mine.definition.lane or self.stored.definition.exclusive)


async def beside(tx: ReadSession, stored: Stored, window: Window, touched: frozenset[str], shop: Shop) -> list[Beside]:
    """Whatever else runs while it would, or may be decided to, by id."""
    facts = {"id": stored.id, "market": stored.market, "lane": stored.definition.lane, **window._asdict()}
    rows = (await tx.execute(_OTHERS, facts)).all()
    others = [Stored.of(row) for row in rows]
    return await asyncio.to_thread(_beside, others, touched, shop)


def _beside(others: Sequence[Stored], touched: frozenset[str], shop: Shop) -> list[Beside]:
    items = [item for item in shop.items if item.sku in touched]
    found = ((one, found_by_clause(one.definition, items, shop.over)) for one in others)
    return [Beside(one, landing(one.definition, its)) for one, its in found]


def taken_first(
    stored: Stored, window: Window, company: Sequence[Beside], touched: frozenset[str], sold: Sold
) -> Iterator[Never]:
    """That others always take first whatever it is about, and who they are."""
    others = [
        Other(_promotion(one.stored, window.starts_at), one.lands_on, one.stored.state in BOOKED) for one in company
    ]
    prices = {
        channel: {sku: min(some) for sku, some in _amounts(charged, touched) if some}
        for channel, charged in sold.charged.items()
    }
    takers = takers_of_all(_promotion(stored, window.starts_at), others, prices)
    if takers is not None:
        yield Never("lane", "always_taken", f"Others always take first what it is about: {_named(stored, takers)}.")


def _amounts(charged: Mapping[str, Sequence[Charge]], skus: frozenset[str]) -> Iterator[tuple[str, list[int]]]:
    return ((sku, [one.amount for one in charged[sku] if one.amount]) for sku in sorted(skus & charged.keys()))


def _named(stored: Stored, takers: Sequence[Promotion]) -> str:
    some = (f"{one.name} ({one.id}), {_how(stored, one)}" for one in takers[:NAMED_MAX])
    return "; ".join(some) + ("; ..." if len(takers) > NAMED_MAX else "")


def _how(stored: Stored, taker: Promotion) -> str:
    if taker.lane < stored.definition.lane:
        return f"exclusive in lane {taker.lane}"
    return "which saves no less in the same lane, and ranks before it"


def _promotion(stored: Stored, starts_at: datetime) -> Promotion:
    """As it would be in a book, if it began then."""
    return Promotion(
        id=stored.id,
        name=stored.name,
        starts=microseconds(stored.starts_at or starts_at),
        ends=None if stored.ends_at is None else microseconds(stored.ends_at),
        limited=stored.limited,
        **msgspec.structs.asdict(stored.definition),
    )
