"""Meets: what a change runs into that is not a price, namely promotions and tills that are behind."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text

from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import NotFound
from pricing.books.readiness import readiness_of
from pricing.changes.schemas import PromotionMetView, TerminalBehindView
from pricing.rules.book import Item
from pricing.rules.matching import Matcher
from pricing.rules.promotion import Benefit, Bundle, BuyGet, Conditions, Gift, Matching, Selector

# Promotions are another room's; it says in its tables what it put into the book.
_RUNNING = text("""
    SELECT id, name, starts_at, ends_at, definition FROM promotions
     WHERE market = :market AND state IN ('scheduled', 'live')
       AND (ends_at IS NULL OR ends_at > :begins) AND (CAST(:ends AS timestamptz) IS NULL OR starts_at < :ends)
     ORDER BY starts_at, id
""")
_ITEMS = text("""
    SELECT v.sku, v.product, v.category, v.brand, v.tax_class,
           ARRAY(SELECT ARRAY[o.key, o.value #>> '{}'] FROM jsonb_each(coalesce(v.options, '{}')) AS o
                  WHERE jsonb_typeof(o.value) <> 'null') AS attributes
      FROM variants v WHERE v.sku = ANY (CAST(:skus AS text[]))
""")
_CATEGORIES = text("SELECT code, parent FROM categories")


@dataclass(frozen=True, slots=True)
class Met:
    """A promotion that runs while a change holds, and what it is about."""

    view: PromotionMetView
    channels: frozenset[str]
    """Empty: all of them."""
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class Meets:
    """The promotions that a change may meet, and the items that it is about."""

    promotions: list[Met]
    items: Mapping[str, Item]
    above: Mapping[str, frozenset[str]]

    def of(self, sku: str, channel: str) -> list[str]:
        """The ids of the promotions that may land on a sku in a channel."""
        item = self.items.get(sku)
        if item is None:
            return []
        return [
            one.view.id
            for one in self.promotions
            if (not one.channels or channel in one.channels)
            and any(matcher.matches(item, self.above) for matcher in one.matchers)
        ]


async def meets(tx: ReadSession, market: str, skus: Collection[str], begins: datetime, ends: datetime | None) -> Meets:
    """The promotions of a market that run, or are to run, while a change of these skus holds."""
    facts = {"market": market, "begins": begins, "ends": ends}
    promotions = [_met(row.definition, row[:4]) for row in await tx.execute(_RUNNING, facts)]
    if not promotions:
        return Meets([], {}, {})  # Nobody asks further, so the items need not be read.
    items = {row.sku: _item(row) for row in await tx.execute(_ITEMS, {"skus": sorted(skus)})}
    parents: dict[str, str | None] = {row[0]: row[1] for row in await tx.execute(_CATEGORIES)}
    return Meets(promotions, items, {code: frozenset(_above(code, parents)) for code in parents})


async def terminals_behind(tx: ReadSession, market: str, now: datetime) -> list[TerminalBehindView]:
    """The tills of a market that do not hold its current book; none, where it has no book yet."""
    try:
        readiness = await readiness_of(tx, market, None, now)
    except NotFound:
        return []
    return [
        TerminalBehindView(one.terminal, one.name, one.location, one.number)
        for one in readiness.terminals
        if not one.ready
    ]


def _met(definition: Mapping[str, Any], shown: tuple[Any, ...]) -> Met:
    conditions = msgspec.convert(definition["conditions"], Conditions)
    benefit = msgspec.convert(definition["benefit"], Benefit)
    matchers = tuple(Matcher(each) for each in _selectors(conditions, benefit))
    return Met(PromotionMetView(*shown), frozenset(conditions.channels), matchers)


def _selectors(conditions: Conditions, benefit: Benefit) -> Iterator[Matching]:
    """Whatever a promotion may be about: a bundle's parts stand for themselves."""
    if isinstance(benefit, Bundle):
        yield from (part.items for part in benefit.parts)
        return
    yield conditions.items
    if isinstance(benefit, BuyGet) and benefit.gets is not None:
        yield benefit.gets
    if isinstance(benefit, Gift):
        yield Selector(skus=[benefit.sku])


def _item(row: Any) -> Item:  # noqa: ANN401 - a row of the statement above
    attributes = sorted((name, value) for name, value in row.attributes)
    return Item(
        sku=row.sku,
        product=row.product,
        category=row.category,
        brand=row.brand,
        attributes=attributes,
        tax_class=row.tax_class,
    )


def _above(code: str, parents: Mapping[str, str | None]) -> Iterator[str]:
    """A category with all that it hangs below."""
    at: str | None = code
    while at is not None:
        yield at
        at = parents.get(at)
