"""Hold a basket: keep it for a buyer for a while, whole or not at all."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text

from catalog.on_sale import on_sale, why_not_sold
from commerce.kernel.access import WrongLocation
from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import AlreadyExists, UnknownReference
from inventory.errors import HoldTimeNotAllowed, NotEnoughStock
from inventory.rules import HOLD_MAX, HoldState, may_hold_until, merge_wants
from inventory.schemas import HeldView, HoldBody, HoldView
from inventory.sourcing import Sources, Way, find_sources
from inventory.take import HoldWanted, take_holds

# Two requests with one client-made id come one after the other; `lock_timeout` bounds the wait.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('hold ' || :reference, 0))")
_TAKEN = text("SELECT EXISTS (SELECT 1 FROM holds WHERE basket = :reference)")


async def hold_basket(tx: Session, basket: HoldBody, owner: str, now: datetime) -> HoldView:
    """Keep the goods until `expires_at` for their owner, who alone sees the hold, gives it back, or orders it.

    Raises HoldTimeNotAllowed, UnknownReference, NotListed, NotCertified, WrongLocation, NotEnoughStock, and
    AlreadyExists for a reference that was ever used, even if an order has the goods by now.
    """
    if not may_hold_until(basket.expires_at, now):
        raise HoldTimeNotAllowed("expires_at", int(HOLD_MAX.total_seconds()) // 60)
    market = await _market_where_all_is_sold(tx, basket, now)
    way = Way(market, basket.collect_at)
    units = merge_wants((line.sku, line.quantity) for line in basket.lines)
    sources = await _sources(tx, way, units, now)
    reference = await _reference(tx, basket.reference, now)
    wanted = HoldWanted(reference, units, sources.ranked.get(way, []), basket.expires_at, owner)
    [verdict] = await take_holds(tx, [wanted], now, sources.free)
    if isinstance(verdict, NotEnoughStock):
        raise verdict
    lines = sorted((sku, location, held) for (location, sku), held in verdict.items())
    return HoldView(reference, HoldState.HELD, basket.expires_at, [HeldView(*line) for line in lines])


async def _market_where_all_is_sold(tx: Session, basket: HoldBody, now: datetime) -> str:
    pairs = {(basket.channel, line.sku) for line in basket.lines}
    known = await on_sale(tx, pairs)
    if not known:
        raise UnknownReference("channel", basket.channel)
    for n, line in enumerate(basket.lines):
        refusal = why_not_sold(known[basket.channel, line.sku], f"lines[{n}].sku", now)
        if refusal is not None:
            raise refusal
    return next(iter(known.values())).market


async def _sources(tx: Session, way: Way, skus: Collection[str], now: datetime) -> Sources:
    sources = await find_sources(tx, [(way, sku) for sku in skus], now)
    if way.collect_at is not None and way not in sources.ranked:
        raise WrongLocation("collect_at", way.collect_at, "It is not an open store of this market.")
    return sources


async def _reference(tx: Session, wanted: str | None, now: datetime) -> str:
    if wanted is None:
        return new_id("hld", now)
    await tx.execute(_ONE_AT_A_TIME, {"reference": wanted})
    if (await tx.execute(_TAKEN, {"reference": wanted})).scalar_one():
        raise AlreadyExists("reference", wanted)
    return wanted
