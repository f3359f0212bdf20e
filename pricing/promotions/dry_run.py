"""Dry run: what would come of a promotion as it stands, before anybody says yes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from pricing.books.compile import compile_part
from pricing.books.lead import LEAD
from pricing.books.readiness import terminals_behind
from pricing.promotions.example_prices import Examples
from pricing.promotions.never import (
    Never,
    Opened,
    Place,
    never_by_place,
    never_by_start,
    never_by_stores,
    never_by_time,
)
from pricing.promotions.reach import Above, Charge, above, charges, found_by_clause, landing
from pricing.promotions.rules import BOOKED, IN_A_LANE_MAX, Definition, Running, is_searched, most_at_once
from pricing.promotions.schemas import (
    ChangeAheadView,
    DryRunView,
    ExampleView,
    FlagView,
    PriceStepView,
    ReachView,
    RivalView,
)
from pricing.promotions.stored import COLUMNS, Stored, promotion_by_id
from pricing.rules.book import Item
from pricing.series import Histories, histories

LOOKED_AT_MAX = 50
"""Skus in each channel, for examples."""
PRICES_MAX = 100
NAMED_MAX = 5
SPOKEN_FOR = "('submitted', 'approved', 'scheduled', 'live')"

_ITEMS = text("""
    SELECT v.sku, v.product, v.category, v.brand, v.tax_class,
           ARRAY(SELECT ARRAY[a.key, a.value] FROM jsonb_each_text(v.options) AS a (key, value)
                  WHERE jsonb_typeof(v.options) = 'object' AND a.value IS NOT NULL) AS attributes
      FROM variants v WHERE v.status <> 'retired' ORDER BY v.sku
""")
_CATEGORIES = text("SELECT code, parent FROM categories")
_CHANNELS = text("""
    SELECT c.code, c.kind, m.time_zone FROM channels c JOIN markets m ON m.code = c.market
     WHERE c.market = :market ORDER BY c.code
""")
_LISTED = text("""
    SELECT l.channel, l.sku FROM listings l JOIN variants v ON v.sku = l.sku AND v.status = 'active'
     WHERE l.channel = ANY (CAST(:channels AS text[])) AND l.sku = ANY (CAST(:skus AS text[]))
       AND (l.visible_to IS NULL OR l.visible_to > :starts_at)
       AND (CAST(:ends_at AS timestamptz) IS NULL OR greatest(l.visible_from, l.certified_from) < :ends_at)
       AND l.certified_from IS NOT NULL AND (l.visible_to IS NULL OR l.certified_from < l.visible_to)
""")
# The columns and states are a module's own; no value is in the text.
_OTHERS = text(f"""
    SELECT {COLUMNS} FROM promotions p
     WHERE p.market = :market AND p.id <> :id AND p.state IN {SPOKEN_FOR}
       AND p.definition ->> 'lane' = CAST(:lane AS text)
       AND (p.ends_at IS NULL OR p.ends_at > :starts_at)
       AND (CAST(:ends_at AS timestamptz) IS NULL OR coalesce(p.starts_at, :starts_at) < :ends_at)
     ORDER BY p.id
""")  # noqa: S608 - see above
# Price changes are another room's; what is scheduled is among the prices already.
_CHANGES = text("""
    SELECT c.id, c.name, c.state, c.starts_at, c.ends_at, count(DISTINCT i.sku)
      FROM price_changes c JOIN price_change_items i ON i.change_id = c.id
     WHERE c.market = :market AND c.state IN ('submitted', 'approved') AND i.sku = ANY (CAST(:skus AS text[]))
       AND (c.ends_at IS NULL OR c.ends_at > :starts_at)
       AND (CAST(:ends_at AS timestamptz) IS NULL OR coalesce(c.starts_at, CAST(:now AS timestamptz)) < :ends_at)
     GROUP BY c.id ORDER BY c.id
""")
_COSTS = text("""
    SELECT sku, min(amount) FROM (
           SELECT c.sku, c.amount, c.valid_from,
                  lead(c.valid_from) OVER (PARTITION BY c.sku ORDER BY c.valid_from) AS valid_to
             FROM unit_costs c WHERE c.market = :market AND c.sku = ANY (CAST(:skus AS text[]))) AS dated
     WHERE (valid_to IS NULL OR valid_to > :starts_at)
       AND (CAST(:ends_at AS timestamptz) IS NULL OR valid_from < :ends_at)
     GROUP BY sku HAVING min(valid_from) <= :starts_at
""")
# Stores are the catalog's.
_STORES = text("SELECT opened_on, closed_on FROM locations WHERE code = ANY (CAST(:codes AS text[]))")
_NO_CODES = text("SELECT NOT EXISTS (SELECT 1 FROM promotion_codes WHERE promotion_id = :id)")


class Shop(NamedTuple):
    """What there is in the market."""

    items: list[Item]
    over: Above
    kinds: dict[str, str]
    """What each of the market's channels is."""
    zone: str


class Window(NamedTuple):
    """When it would run."""

    starts_at: datetime
    ends_at: datetime | None


Warned = tuple[str, str, str]
"""A clause, the code of what is to be said of it, and why."""
_NOWHERE = Place("", "", {})

Sold = dict[str, dict[str, list[Charge]]]
"""By channel and sku: what is charged while it runs, of whatever is sold."""


async def dry_run(tx: ReadSession, promotion_id: str, now: datetime) -> DryRunView:
    """What would come of it. Reads alone, so that it may be asked as often as one likes. Raises NotFound."""
    stored = await promotion_by_id(tx, promotion_id)
    definition = stored.definition
    window = Window(stored.starts_at or now + LEAD, stored.ends_at)
    shop = await _shop(tx, stored.market)
    channels = [code for code in definition.conditions.channels or shop.kinds if code in shop.kinds]
    found = found_by_clause(definition, shop.items, shop.over)
    touched = landing(definition, found)
    every = sorted({sku for skus in found.values() for sku in skus})
    prices = await histories(tx, stored.market, every, window.starts_at)
    sold = await _sold(tx, channels, prices, window)
    rivals = await _others(tx, stored, window)
    costs = await _costs(tx, stored, touched, window)
    never = [
        *_never_by_start(stored, now),
        *never_by_stores(await _stores(tx, definition), *window, shop.zone),
        *never_by_time(*window, definition.conditions.hours, shop.zone, now),
        *never_by_place(definition, _places(shop, sold), found, costs),
    ]
    warnings = [*await _warnings(tx, stored, window, rivals), *_unknown_costs(stored, sold, touched, costs)]
    flags = [*map(_never, never), *(FlagView("warning", *one) for one in warnings)]
    reach = {channel: touched & sold[channel].keys() for channel in channels}
    return DryRunView(
        promotion=promotion_id,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        can_apply=not never,
        flags=flags,
        reach=[ReachView(channel, len(touched), len(skus)) for channel, skus in reach.items()],
        examples=await _examples(tx, stored, window, reach, now),
        rivals=list(_rivals(rivals, touched, shop, now)),
        prices=list(islice(_price_steps(prices, touched, channels, window), PRICES_MAX)),
        changes=await _changes(tx, stored, window, touched, now),
        terminals_behind=await terminals_behind(tx, stored.market, now),
    )


async def _shop(tx: ReadSession, market: str) -> Shop:
    items = [
        Item(
            sku=row.sku,
            product=row.product,
            category=row.category,
            brand=row.brand,
            attributes=[(name, value) for name, value in row.attributes],
            tax_class=row.tax_class,
        )
        for row in await tx.execute(_ITEMS)
    ]
    over = above({row[0]: row[1] for row in await tx.execute(_CATEGORIES)})
    channels = (await tx.execute(_CHANNELS, {"market": market})).all()
    return Shop(items, over, {row[0]: row[1] for row in channels}, channels[0][2] if channels else "UTC")


async def _sold(tx: ReadSession, channels: Sequence[str], prices: Mapping[str, Histories], window: Window) -> Sold:
    """What is listed, certified and priced, where and while it runs."""
    sold: Sold = {channel: {} for channel in channels}
    facts = {"channels": list(channels), "skus": list(prices), **window._asdict()}
    for channel, sku in await tx.execute(_LISTED, facts):
        history = prices[sku]
        charged = charges(history.recommended, history.channels.get(channel, []), *window)
        if charged:
            sold[channel][sku] = charged
    return sold


def _places(shop: Shop, sold: Sold) -> list[Place]:
    """The channels with the most that each sku costs there; one where nothing is sold if the market has none."""
    dearest = {
        channel: {sku: max(one.amount for one in charged) for sku, charged in of_channel.items()}
        for channel, of_channel in sold.items()
    }
    return [Place(channel, shop.kinds[channel], prices) for channel, prices in dearest.items()] or [_NOWHERE]


async def _costs(tx: ReadSession, stored: Stored, touched: Collection[str], window: Window) -> Mapping[str, int]:
    """The least that a unit costs us while it runs, of skus of which that is known all the time; if it asks."""
    if not stored.definition.floor.cost:
        return {}
    facts = {"market": stored.market, "skus": sorted(touched), **window._asdict()}
    return {row[0]: row[1] for row in await tx.execute(_COSTS, facts)}


def _unknown_costs(stored: Stored, sold: Sold, touched: frozenset[str], costs: Mapping[str, int]) -> Iterator[Warned]:
    """What is sold without anybody knowing its cost, where nothing is to go below it."""
    if stored.definition.floor.cost:
        unknown = sorted(touched & {sku for of_channel in sold.values() for sku in of_channel} - costs.keys())
        if unknown:
            some = ", ".join(unknown[:NAMED_MAX]) + (", ..." if len(unknown) > NAMED_MAX else "")
            yield "floor.cost", "cost_unknown", f"What {len(unknown)} skus cost us is not known: {some}."


def _never_by_start(stored: Stored, now: datetime) -> Iterator[Never]:
    """What is in the book already starts when it says; whatever is not is refused there once its start is too near."""
    if stored.starts_at is not None and stored.state not in BOOKED:
        yield from never_by_start(stored.starts_at, now + LEAD)


async def _stores(tx: ReadSession, definition: Definition) -> list[Opened]:
    return [Opened(*row) for row in await tx.execute(_STORES, {"codes": definition.conditions.stores})]


def _never(found: Never) -> FlagView:
    return FlagView("never", found.clause, found.code, found.reason)


async def _warnings(tx: ReadSession, stored: Stored, window: Window, others: Sequence[Stored]) -> list[Warned]:
    """What does not keep it from applying, and might surprise somebody."""
    said: list[Warned] = []
    running = [Running(other.starts_at or window.starts_at, other.ends_at) for other in others if _weighed(other)]
    if _weighed(stored) and most_at_once(*window, running) >= IN_A_LANE_MAX:
        said.append(("lane", "lane_is_full", f"{IN_A_LANE_MAX} that are judged as a whole run there by then."))
    if stored.definition.conditions.unique_codes and (await tx.execute(_NO_CODES, {"id": stored.id})).scalar_one():
        said.append(("conditions.unique_codes", "no_codes_yet", "No code was made for it, so nobody can open it."))
    return said


def _weighed(stored: Stored) -> bool:
    return is_searched(stored.definition)


async def _others(tx: ReadSession, stored: Stored, window: Window) -> list[Stored]:
    facts = {"id": stored.id, "market": stored.market, "lane": str(stored.definition.lane), **window._asdict()}
    return [Stored.of(row) for row in await tx.execute(_OTHERS, facts)]


async def _examples(
    tx: ReadSession, stored: Stored, window: Window, reach: Mapping[str, Collection[str]], now: datetime
) -> list[ExampleView]:
    """What a single unit costs before and after, as it begins: of the first few in each channel, among the first."""
    looked_at = {channel: sorted(skus)[:LOOKED_AT_MAX] for channel, skus in reach.items()}
    every = {sku for skus in looked_at.values() for sku in skus}
    examples = Examples(await compile_part(tx, stored.market, every, window.starts_at, now), stored, *window)
    return [one for channel, skus in looked_at.items() for one in examples.of(channel, skus)]


async def _changes(
    tx: ReadSession, stored: Stored, window: Window, touched: frozenset[str], now: datetime
) -> list[ChangeAheadView]:
    facts = {"market": stored.market, "skus": sorted(touched), "now": now, **window._asdict()}
    return [ChangeAheadView(*row) for row in await tx.execute(_CHANGES, facts)]


def _rivals(others: Sequence[Stored], touched: frozenset[str], shop: Shop, now: datetime) -> Iterator[RivalView]:
    for other in others:
        found = found_by_clause(other.definition, shop.items, shop.over)
        shared = len(touched & landing(other.definition, found))
        if shared:
            yield RivalView(other.id, other.name, other.at(now), other.starts_at, other.ends_at, shared)


def _price_steps(
    prices: Mapping[str, Histories], touched: frozenset[str], channels: Sequence[str], window: Window
) -> Iterator[PriceStepView]:
    """Prices of what it touches that begin after it does and before it ends, in their order."""
    series = [
        (sku, channel, one)
        for sku in sorted(touched)
        for channel, spans in [
            (None, prices[sku].recommended),
            *((channel, prices[sku].channels.get(channel, [])) for channel in channels),
        ]
        for one in spans
        if one.valid_from > window.starts_at and (window.ends_at is None or one.valid_from < window.ends_at)
    ]
    for sku, channel, one in sorted(series, key=lambda step: (step[2].valid_from, step[0], step[1] or "")):
        yield PriceStepView(sku, channel, one.valid_from, one.amount, one.change_id)
