"""Dry run: what would come of a promotion as it stands, before anybody says yes."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import msgspec
from sqlalchemy import text

from commerce.kernel.db import Database, ReadSession
from pricing.books.compile import compile_part
from pricing.books.lead import LEAD
from pricing.books.readiness import terminals_behind
from pricing.books.schemas import TerminalBehindView
from pricing.books.zones import microseconds
from pricing.promotions.company import Beside, beside, taken_first
from pricing.promotions.example_prices import Examples
from pricing.promotions.market import Shop, Sold, Window, read_shop, read_sold, some_of
from pricing.promotions.never import (
    Never,
    Opened,
    Place,
    falling_steps,
    never_by_place,
    never_by_start,
    never_by_stores,
    never_by_time,
)
from pricing.promotions.reach import found_by_clause, landing
from pricing.promotions.rules import BOOKED, IN_A_LANE_MAX, Running, is_searched, most_at_once
from pricing.promotions.schemas import (
    ChangeAheadView,
    DryRunView,
    FlagView,
    PriceStepView,
    ReachView,
    RivalView,
)
from pricing.promotions.stored import Stored, promotion_by_id
from pricing.rules.book import Book
from pricing.rules.tax import price_for
from pricing.series import Histories

LOOKED_AT_MAX = 50
"""Skus in each channel, for examples."""
PRICES_MAX = 100
NAMED_MAX = 5

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
# Who is in which group is for orders to say.
_EMPTY = text("""
    SELECT code FROM unnest(CAST(:groups AS text[])) AS g (code)
     WHERE NOT EXISTS (SELECT 1 FROM customer_groups c WHERE c.code = g.code) ORDER BY code
""")
_HAS_CODES = text("SELECT EXISTS (SELECT 1 FROM promotion_codes WHERE promotion_id = :id)")


Warned = tuple[str, str, str]
"""A clause, the code of what is to be said of it, and why."""
_NOWHERE = Place("", "", {})


class Facts(NamedTuple):
    """What was read, all of it at one instant; nothing of what is said of it needs the database any more."""

    stored: Stored
    window: Window
    now: datetime
    shop: Shop
    channels: Sequence[str]
    """Those of the market in which it would run."""
    found: Mapping[str, frozenset[str]]
    """The skus that each of its clauses finds."""
    touched: frozenset[str]
    """The skus whose price it may lower."""
    sold: Sold
    company: Sequence[Beside]
    costs: Mapping[str, int]
    stores: Sequence[Opened]
    has_codes: bool
    empty_groups: Sequence[str]
    """Groups that it is for, and nobody is in."""
    looked_at: Mapping[str, Sequence[str]]
    part: Book
    """What a book would say of what is looked at."""
    changes: list[ChangeAheadView]
    terminals_behind: list[TerminalBehindView]


async def dry_run(db: Database, promotion_id: str, now: datetime) -> DryRunView:
    """What would come of it. Reads alone, so that it may be asked as often as one likes. Raises NotFound."""
    async with db.snapshot() as tx:
        facts = await _read(tx, promotion_id, now)
    return await asyncio.to_thread(_seen, facts)


async def _read(tx: ReadSession, promotion_id: str, now: datetime) -> Facts:
    stored = await promotion_by_id(tx, promotion_id)
    definition, market = stored.definition, stored.market
    window = Window(stored.starts_at or now + LEAD, stored.ends_at)
    shop = await read_shop(tx, market)
    channels = [code for code in definition.conditions.channels or shop.kinds if code in shop.kinds]
    found = await asyncio.to_thread(found_by_clause, definition, shop.items, shop.over)
    touched = landing(definition, found)
    sold = await read_sold(tx, market, channels, {sku for skus in found.values() for sku in skus}, window)
    looked_at = {channel: sorted(touched & skus.keys())[:LOOKED_AT_MAX] for channel, skus in sold.charged.items()}
    every = {sku for skus in looked_at.values() for sku in skus}
    return Facts(
        stored,
        window,
        now,
        shop,
        channels,
        found,
        touched,
        sold,
        await beside(tx, stored, window, touched, shop),
        await _costs(tx, stored, touched & sold.prices.keys(), window),
        [Opened(*row) for row in await tx.execute(_STORES, {"codes": definition.conditions.stores})],
        (await tx.execute(_HAS_CODES, {"id": stored.id})).scalar_one(),
        list((await tx.execute(_EMPTY, {"groups": definition.conditions.groups})).scalars()),
        looked_at,
        await compile_part(tx, market, every, window.starts_at, now),
        await _changes(tx, stored, window, touched, now),
        await terminals_behind(tx, market, now),
    )


def _seen(facts: Facts) -> DryRunView:
    """What is to be said of it all. Pure, and the work of a thread: there may be much to look at."""
    stored, window, sold = facts.stored, facts.window, facts.sold
    examples = Examples(facts.part, stored, *window)
    never = list(_whatever_forbids(facts))
    warnings = [*_warnings(facts), *_unknown_costs(facts), *([] if never else _taken_by_others(facts, examples))]
    reach = {channel: facts.touched & skus.keys() for channel, skus in sold.charged.items()}
    return DryRunView(
        promotion=stored.id,
        currency=facts.part.currency,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        can_apply=not never,
        flags=[*(FlagView("never", *one) for one in never), *(FlagView("warning", *one) for one in warnings)],
        reach=[ReachView(channel, len(facts.touched), len(skus)) for channel, skus in reach.items()],
        examples=[one for channel, skus in facts.looked_at.items() for one in examples.of(channel, skus)],
        rivals=[_rival(one, facts) for one in facts.company if one.is_rival(stored)],
        prices=list(islice(_price_steps(sold.prices, facts.touched, facts.channels, window), PRICES_MAX)),
        changes=facts.changes,
        terminals_behind=facts.terminals_behind,
    )


def _whatever_forbids(facts: Facts) -> Iterator[Never]:
    stored, window, zone = facts.stored, facts.window, facts.shop.zone
    conditions = stored.definition.conditions
    if stored.starts_at is not None and stored.state not in BOOKED:
        # What is in the book already starts when it says; whatever is not is refused there once that is too near.
        yield from never_by_start(stored.starts_at, facts.now + LEAD)
    yield from never_by_stores(facts.stores, *window, zone)
    yield from never_by_time(*window, conditions.hours, zone, facts.now)
    yield from never_by_place(stored.definition, _places(facts), facts.found, _at_cost(facts))
    yield from taken_first(stored, window, facts.company, facts.touched, _where_it_may(facts))


def _places(facts: Facts) -> list[Place]:
    """The channels with the most that each sku costs there; one where nothing is sold if the market has none."""
    dearest = {
        channel: {sku: max(one.amount for one in charged) for sku, charged in of_channel.items()}
        for channel, of_channel in facts.sold.charged.items()
    }
    return [Place(channel, facts.shop.kinds[channel], prices) for channel, prices in dearest.items()] or [_NOWHERE]


def _where_it_may(facts: Facts) -> Sold:
    """What is sold in the channels in which it can be got at all."""
    if not facts.stored.definition.conditions.stores:
        return facts.sold
    kinds = facts.shop.kinds
    stores = {channel: skus for channel, skus in facts.sold.charged.items() if kinds[channel] == "retail"}
    return facts.sold._replace(charged=stores)


async def _costs(tx: ReadSession, stored: Stored, skus: Collection[str], window: Window) -> Mapping[str, int]:
    """The least that a unit costs us while it runs, of skus of which that is known all the time; if it asks."""
    if not stored.definition.floor.cost:
        return {}
    found: dict[str, int] = {}
    for some in some_of(skus):
        facts = {"market": stored.market, "skus": some, **window._asdict()}
        found |= {row[0]: row[1] for row in await tx.execute(_COSTS, facts)}
    return found


def _at_cost(facts: Facts) -> Mapping[str, int]:
    """The least price, while it runs, at which a unit brings in what it costs us, of skus of which that is known."""
    part, begins = facts.part, microseconds(facts.window.starts_at)
    least = {
        tax.tax_class: min((one.amount for one in tax.rates if one.ends is None or one.ends > begins), default=0)
        for tax in part.taxes
    }
    classes = {one.sku: one.tax_class for one in facts.shop.items}
    return {
        sku: price_for(cost, least.get(classes[sku], 0), included=part.prices_include_tax)
        for sku, cost in facts.costs.items()
    }


def _unknown_costs(facts: Facts) -> Iterator[Warned]:
    """What is sold without anybody knowing its cost, where nothing is to go below it."""
    if facts.stored.definition.floor.cost:
        unknown = sorted((facts.touched & facts.sold.prices.keys()) - facts.costs.keys())
        if unknown:
            some = ", ".join(unknown[:NAMED_MAX]) + (", ..." if len(unknown) > NAMED_MAX else "")
            yield "floor.cost", "cost_unknown", f"What {len(unknown)} skus cost us is not known: {some}."


def _warnings(facts: Facts) -> Iterator[Warned]:
    """What does not keep it from applying, and might surprise somebody."""
    definition, window = facts.stored.definition, facts.window
    weighed = [
        one.stored for one in facts.company if one.lane == definition.lane and is_searched(one.stored.definition)
    ]
    running = [Running(one.starts_at or window.starts_at, one.ends_at) for one in weighed]
    if is_searched(definition) and most_at_once(*window, running) >= IN_A_LANE_MAX:
        yield "lane", "lane_is_full", f"{IN_A_LANE_MAX} that are judged as a whole run there by then."
    if definition.conditions.unique_codes and not facts.has_codes:
        yield "conditions.unique_codes", "no_codes_yet", "No code was made for it, so nobody can open it."
    for n in falling_steps(definition.benefit):
        why = "Whoever comes so far is given less than at the step before."
        yield f"benefit.steps[{n}]", "step_gives_less", why
    if facts.empty_groups:
        yield "conditions.groups", "group_empty", f"Nobody is in {', '.join(facts.empty_groups[:NAMED_MAX])} as of now."


def _taken_by_others(facts: Facts, examples: Examples) -> Iterator[Warned]:
    """Where it would reduce single units, and others leave it none of those that are looked at."""
    found = [examples.taken_by(channel, skus) for channel, skus in facts.looked_at.items()]
    takers = {one.id: one.name for each in found for one in each or ()}
    if takers and None not in found:
        named = ", ".join(f"{name} ({promotion_id})" for promotion_id, name in sorted(takers.items())[:NAMED_MAX])
        why = f"As it begins it reduces no single unit of those looked at, since others take them: {named}."
        yield "lane", "taken_by_others", why


async def _changes(
    tx: ReadSession, stored: Stored, window: Window, touched: frozenset[str], now: datetime
) -> list[ChangeAheadView]:
    found: dict[str, ChangeAheadView] = {}
    for some in some_of(touched):
        facts = {"market": stored.market, "skus": some, "now": now, **window._asdict()}
        for change in [ChangeAheadView(*row) for row in await tx.execute(_CHANGES, facts)]:
            so_far = found[change.id].shared_skus if change.id in found else 0
            found[change.id] = msgspec.structs.replace(change, shared_skus=so_far + change.shared_skus)
    return [found[change_id] for change_id in sorted(found)]


def _rival(one: Beside, facts: Facts) -> RivalView:
    its = one.stored
    state, said = its.at(facts.now), its.definition
    return RivalView(its.id, its.name, state, said.lane, said.exclusive, its.starts_at, its.ends_at, len(one.lands_on))


def _price_steps(
    prices: Mapping[str, Histories], touched: frozenset[str], channels: Sequence[str], window: Window
) -> Iterator[PriceStepView]:
    """Prices of what it touches and is sold that begin after it does and before it ends, in their order."""
    series = [
        (sku, channel, one)
        for sku in sorted(touched & prices.keys())
        for channel, spans in [
            (None, prices[sku].recommended),
            *((channel, prices[sku].channels.get(channel, [])) for channel in channels),
        ]
        for one in spans
        if one.valid_from > window.starts_at and (window.ends_at is None or one.valid_from < window.ends_at)
    ]
    for sku, channel, one in sorted(series, key=lambda step: (step[2].valid_from, step[0], step[1] or "")):
        yield PriceStepView(sku, channel, one.valid_from, one.amount, one.change_id)
